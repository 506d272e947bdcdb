// What happened on a connection, as a story: a list of steps in the order of time, each with its direction, its state and its words.
// No DOM, no state: the diagram draws it, the player plays it, and a recording tells the same story as the live view.

import { wordsOf } from './decode.js';

const LONG_PAUSE = 1_000_000;  // microseconds without a step: drawn shortened, and said so

// A step: `us` microseconds since TCP was accepted; `from` 'client' or 'server'; `kind`; `state` of the browser's WebSocket after it;
// `key` and `values` of its words, `quote` what was said; `isMachine` if no person made it; `frame`, its frame; `source`, the event of the
// feed that it comes from; `pause`, microseconds since the step before, if that is long.
export function storyOf(line) {
  const steps = [...opening(line), ...line.rows.flatMap((row) => rowSteps(row)), ...ending(line)];
  let before = null;
  let state = 'connecting';
  for (const step of steps) {
    state = step.turnsTo ?? state;
    step.state = state;
    step.pause = before !== null && step.us - before > LONG_PAUSE ? step.us - before : null;
    before = step.us ?? before;
  }
  return steps;
}

function opening({ opened, refused, exchanged }) {
  const exchange = opened ?? refused ?? exchanged;
  if (!exchange) return [];
  const path = exchange.request.split(' ')[1] ?? '?';
  const source = exchange;
  const steps = [
    { us: 0, from: 'client', kind: 'tcp', key: 'story_tcp', source },
    { us: exchange.asked_us, from: 'client', kind: 'request', key: exchanged ? 'story_http' : 'story_request', values: { path, method: exchange.request.split(' ')[0] }, source },
  ];
  if (opened) steps.push({ us: opened.answered_us, from: 'server', kind: 'response', key: 'story_101', turnsTo: 'open', source });
  else steps.push({ us: exchange.answered_us, from: 'server', kind: 'response', key: refused ? 'story_refused' : 'story_answer', values: { status: exchange.status }, turnsTo: 'closed', source });
  if (opened?.late) steps.push({ us: opened.us, from: null, kind: 'gap', key: 'story_late', values: { bytes: opened.sent }, source });
  return steps;
}

function rowSteps(row) {
  if (row.type === 'lost') return [{ us: null, from: null, kind: 'gap', key: 'lost_row', values: { count: row.count }, source: row }];
  if (row.type === 'broken') return [{ us: row.us, from: row.from, kind: 'broken', key: 'story_broken', source: row }];
  return [{ us: row.us, from: row.from, kind: row.kind, frame: row, source: row, ...wordsOf(row) }];
}

function ending({ closed, told, rows }) {
  const steps = [];
  if (closed) {
    const hasCloseFrame = rows.some(({ kind }) => kind === 'close');
    const ends = { fin: hasCloseFrame ? 'story_fin' : 'story_cut', reset: 'story_reset', abandoned: 'story_abandoned', failed: 'story_failed' };
    steps.push({ us: closed.us, from: closed.tcp_by ?? 'client', kind: closed.tcp, key: ends[closed.tcp] ?? 'story_end', turnsTo: 'closed', source: closed });
  }
  // No arrow: nothing goes over the wire. JavaScript may be told another code than the one that did.
  if (told) steps.push({ us: null, from: null, kind: 'told', key: 'story_told', values: { code: told.code }, turnsTo: 'closed', source: told });
  return steps;
}

// The steps of the handshake, and those of the close.
export function handshakeOf(steps) {
  return steps.filter(({ kind }) => ['tcp', 'request', 'response'].includes(kind));
}

export function closeOf(steps) {
  const first = steps.findIndex(({ kind, state }) => kind === 'close' || state === 'closed');
  return first === -1 ? [] : steps.slice(first).filter(({ kind, state }) => kind === 'close' || state === 'closed');
}
