// The bytes of a frame, as the feed tells them, and what they say. No DOM, no state.

const HIDDEN_BYTE = '··';  // stands in the feed for a byte that is secret

// Events of the chat that no person has written.
const MACHINE_MADE = ['typing', 'heartbeat', 'members', 'posted', 'shown', 'backplane'];

// Bytes in hexadecimal, one piece a byte; a piece of two dots is a byte that is hidden.
export function hexBytes(hex) {
  return hex?.match(/../gu) ?? [];
}

export function textOf(pieces) {
  const bytes = Uint8Array.from(pieces, (piece) => piece === HIDDEN_BYTE ? 0x2a : parseInt(piece, 16));
  return new TextDecoder().decode(bytes);
}

// What a frame says, as far as it is text.
export function said(frame) {
  const bytes = hexBytes(frame.plain ?? frame.payload);
  if (frame.kind === 'close' && bytes.length >= 2) return `${closeCode(bytes)} ${textOf(bytes.slice(2))}`;
  return frame.kind === 'binary' ? '' : textOf(bytes);
}

// The first two bytes of a close frame's payload.
export function closeCode(bytes) {
  return parseInt(bytes[0] + bytes[1], 16);
}

export function character(piece) {
  const code = piece === HIDDEN_BYTE ? 0 : parseInt(piece, 16);
  return code > 0x20 && code < 0x7f ? String.fromCharCode(code) : code === 0x20 ? '␣' : '·';
}

// The header's fields in the order of RFC 6455, section 5.2: their bits, their bytes, and the sentence about each.
export function partsOf(frame) {
  const header = hexBytes(frame.header);
  const [first, second] = header.map((byte) => parseInt(byte, 16).toString(2).padStart(8, '0'));
  const extended = { 7: 0, 16: 2, 64: 8 }[frame.bits];
  const parts = [
    { bits: first[0], hex: header[0], key: frame.fin ? 'part_fin' : 'part_not_fin' },
    { bits: first.slice(1, 4), hex: header[0], key: frame.rsv === 0 ? 'part_rsv' : 'part_rsv_bad' },
    { bits: first.slice(4), hex: header[0], key: 'part_opcode' },
    { bits: second[0], hex: header[1], key: frame.mask ? 'part_mask' : 'part_not_mask' },
    { bits: second.slice(1), hex: header[1], key: `part_length_${frame.bits}` },
  ];
  if (extended > 0) parts.push({ bits: `${frame.bits} bit`, hex: header.slice(2, 2 + extended).join(' '), key: 'part_extended' });
  if (frame.mask) parts.push({ bits: '32 bit', hex: hexBytes(frame.mask).join(' '), key: 'part_key' });
  parts.push({ bits: `${frame.length} B`, hex: hexBytes(frame.payload).slice(0, 8).join(' ') + (frame.length > 8 ? ' …' : ''), key: frame.removed ? 'removed' : frame.hidden ? 'hidden_text' : 'part_payload' });
  return parts;
}

// A frame that no person has made: a ping, a pong, and what pages say to each other by themselves.
export function isMachineMade(frame) {
  return wordsOf(frame).isMachine === true;
}

// What a frame says, in words first.
export function wordsOf(frame) {
  const bytes = hexBytes(frame.plain ?? frame.payload);
  const isFragment = frame.message !== undefined && (!frame.fin || frame.kind === 'continuation');
  if (frame.kind === 'close') {
    const code = bytes.length < 2 ? 1005 : closeCode(bytes);
    return { key: 'story_close', values: { code }, quote: textOf(bytes.slice(2)) || null, turnsTo: 'closing' };
  }
  if (frame.kind === 'ping') return { key: 'story_ping', isMachine: true };
  if (frame.kind === 'pong') return { key: 'story_pong', isMachine: true };
  if (frame.removed) return { key: 'removed' };
  if (frame.hidden) return { key: frame.from === 'client' && frame.message === 1 ? 'story_join' : 'hidden_text' };
  if (isFragment) return { key: 'story_fragment', quote: textOf(bytes) };
  if (frame.kind === 'binary') return { key: 'story_binary', values: { length: frame.length } };
  return textWords(textOf(bytes));
}

// A field of a JSON text that may be cut: it is looked for, not parsed. Where it is cut itself: its beginning.
function fieldOf(text, name) {
  const found = new RegExp(`"${name}"\\s*:\\s*("(?:[^"\\\\]|\\\\.)*"?)`).exec(text)?.[1];
  if (found === undefined) return undefined;
  try { return JSON.parse(found); } catch { /* it is cut, perhaps in the middle of a character */ }
  try { return JSON.parse(`${found.replace(/\\(?:u[0-9a-f]{0,3})?$/i, '').replace(/\ufffd+$/, '')}"`); } catch { return found.slice(1); }
}

// The message that a text carries: its number, if the server sent it, and what is in it, or its beginning. null: it carries none.
export function messageIn(text) {
  const words = text.replace(/^\ufeff|\ufffd+$/g, '').trim();
  if (!words.startsWith('{')) return { id: null, text: words };
  const written = fieldOf(words, 'text');
  const id = /^\{"type":"message","id":(\d+)/.exec(words)?.[1];
  if (id !== undefined) return { id: Number(id), text: written ?? '' };
  return written === undefined ? null : { id: null, text: written.trim() };
}

// A text of the chat is JSON: what was written stands in it.
function textWords(text) {
  const field = (name) => fieldOf(text, name);
  const type = text.startsWith('{') ? field('type') : undefined;
  if (type === 'message') return { key: 'story_message', values: { from: field('from') ?? '' }, quote: field('text') ?? text };
  if (type === undefined) return { key: 'story_text', quote: text };
  const name = field('name') ?? field('you') ?? field('what') ?? '';
  return { key: 'story_event', values: { type, name }, isMachine: MACHINE_MADE.includes(type) };
}
