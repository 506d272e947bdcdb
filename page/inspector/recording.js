// A recording: what the feed told, as a file of JSON lines that any page of this server can show again (docs/recording.md). No DOM.
//
// Private text is never in it, nor a secret: the feed hides secrets, and what was written in private is hidden here. A file may come from
// anywhere: it is read field by field, and whatever is not as it should be ends the reading with one sentence.

import { hexBytes, textOf } from './decode.js';

export const VERSION = 1;
export const MOST_BYTES = 8 * 1024 * 1024;
export const MOST_EVENTS = 20_000;
const MOST_CONNECTIONS = 1_000;
const LONGEST_TEXT = 70_000;  // characters of a head, which is the longest

// The lines of a feed as a recording.
export function recordingOf(lines, server, now = new Date()) {
  const head = { recording: 'websocket-classroom', version: VERSION, server, at: now.toISOString() };
  const events = [...lines].flatMap(eventsOf);
  return [head, ...events].map((event) => JSON.stringify(event)).join('\n') + '\n';
}

function eventsOf(line) {
  const conn = line.conn;
  const events = [line.opened ?? line.refused ?? line.exchanged, ...line.rows.map(withoutPrivateText), line.closing];
  if (line.answered) events.push({ type: 'answered', conn, us: line.answeredAt ?? 0 });
  events.push(line.closed);
  if (line.told) events.push({ type: 'told', conn, code: line.told.code, reason: line.told.reason, wasClean: line.told.wasClean });
  return events.filter(Boolean).map((event) => ({ ...event, conn }));
}

// What one person wrote to another is nobody else's. Where a text was cut, so that nobody can tell, it counts as private.
function withoutPrivateText(row) {
  if (row.type !== 'frame' || row.hidden || row.message === undefined) return row;
  const text = textOf(hexBytes(row.plain ?? row.payload));
  const isCut = row.length > hexBytes(row.payload).length || !row.fin || row.kind === 'continuation';
  const mayBePrivate = row.private === true || text.includes('"to"') || (isCut && row.from === 'client');
  if (!mayBePrivate) return row;
  const hide = (hex) => hex && '··'.repeat(hexBytes(hex).length);
  return { ...row, hidden: true, payload: hide(row.payload), plain: hide(row.plain) };
}

// What may stand in an event, by its type: each field with the form it must have; `?` may be absent.
const HEX = /^(?:[0-9a-f]{2}|··)*$/;
const text = (value) => typeof value === 'string' && value.length <= LONGEST_TEXT;
const short = (value) => typeof value === 'string' && value.length <= 300;
const number = (value) => Number.isFinite(value) && value >= 0;
const flag = (value) => typeof value === 'boolean';
const party = (value) => ['client', 'server', 'nobody'].includes(value);
const hex = (most) => (value) => typeof value === 'string' && value.length <= most * 2 && HEX.test(value);
const code = (value) => Number.isInteger(value) && value >= 0 && value <= 65_535;
const amount = (value) => typeof value === 'object' && value !== null && number(value.messages) && number(value.bytes);
const tls = (value) => typeof value === 'object' && value !== null && [value.version, value.cipher, value.server_name ?? ''].every(short) && flag(value.resumed);
const EXCHANGE = { at: short, peer: short, 'local?': short, 'tls?': tls, request: text, response: text, asked_us: number, answered_us: number, 'us?': number };
const FORMS = {
  opened: { ...EXCHANGE, endpoint: short, 'name?': short, 'key?': short, 'sha1?': short, 'accept?': short, late: flag, sent: number },
  refused: { ...EXCHANGE, status: code, 'why?': short },
  exchanged: { ...EXCHANGE, status: code },
  frame: {
    us: number, from: (value) => value === 'client' || value === 'server', fin: flag, rsv: (value) => number(value) && value < 8,
    opcode: (value) => number(value) && value < 16, kind: short, 'mask?': hex(4), length: number, bits: (value) => [7, 16, 64].includes(value),
    header: hex(14), 'payload?': hex(256), 'plain?': hex(256), 'hidden?': flag, 'private?': flag, 'removed?': flag, 'cut?': flag, 'record?': hex(21), 'message?': number,
    'round_trip_us?': number, 'ping_us?': number,
  },
  broken: { us: number, from: party, header: hex(14), why: short },
  closing: { us: number, by: party, code, reason: short },
  answered: { us: number },
  closed: {
    us: number, by: party, code, reason: short, answered: flag, 'tcp_by?': party, tcp: short, detail: short, from_client: amount, to_client: amount,
  },
  told: { code, reason: short, wasClean: flag },
  lost: { count: number },
};

// The events of a file, or { problem, values }: the sentence that says what is wrong with it.
export function readRecording(file) {
  if (file.length > MOST_BYTES) return { problem: 'recording_huge', values: { bytes: MOST_BYTES } };
  const lines = file.split('\n').filter((line) => line.trim() !== '');
  const head = parsed(lines[0] ?? '');
  if (head?.recording !== 'websocket-classroom') return { problem: 'recording_foreign', values: {} };
  if (head.version !== VERSION) return { problem: 'recording_version', values: { version: String(head.version).slice(0, 20) } };
  if (lines.length - 1 > MOST_EVENTS) return { problem: 'recording_long', values: { count: MOST_EVENTS } };
  const events = [];
  const connections = new Set();
  for (const [index, line] of lines.slice(1).entries()) {
    const event = checked(parsed(line));
    if (event === null) return { problem: 'recording_broken', values: { line: index + 2 } };
    connections.add(event.conn);
    events.push(event);
  }
  if (connections.size > MOST_CONNECTIONS) return { problem: 'recording_long', values: { count: MOST_CONNECTIONS } };
  return { events, server: short(head.server) ? head.server : '?' };
}

function parsed(line) {
  try { return JSON.parse(line); } catch { return null; }
}

// The event with the fields that are known, each of its form; null if one is not.
function checked(event) {
  if (typeof event !== 'object' || event === null || !Object.hasOwn(FORMS, event.type) || !number(event.conn)) return null;
  const result = { type: event.type, conn: event.conn };
  for (const [field, isRight] of Object.entries(FORMS[event.type])) {
    const name = field.replace('?', '');
    const value = Object.hasOwn(event, name) ? event[name] : undefined;
    if (value === undefined && field.endsWith('?')) continue;
    if (value === undefined || !isRight(value)) return null;
    result[name] = value;
  }
  const header = hexBytes(result.header);
  const isFrame = event.type === 'frame';
  // A frame is drawn bit by bit: its header has to be one.
  if (isFrame && (header.length < 2 || header.some((byte) => byte === '··'))) return null;
  return result;
}
