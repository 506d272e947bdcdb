// The bytes of a frame, as the feed tells them. No DOM, no state.

const HIDDEN_BYTE = '··';  // stands in the feed for a byte that is secret

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
  parts.push({ bits: `${frame.length} B`, hex: hexBytes(frame.payload).slice(0, 8).join(' ') + (frame.length > 8 ? ' …' : ''), key: frame.hidden ? 'hidden_text' : 'part_payload' });
  return parts;
}
