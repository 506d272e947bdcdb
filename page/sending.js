// What you write is on the screen at once, and goes out when the connection is open and all that was missed has come.

import { send } from './connection.js';
import { announce, isOpen, on, recallJson, remember, state } from './state.js';
import { addRow, everybody, openThread } from './threads.js';

const TYPING_EVERY = 3_000;  // milliseconds between two times that we tell that you are writing
const TYPING_CROWD = 30;     // with more people here than this, it is not told at all

let turnTimer = null;        // the next message that waits has to wait for this

export function post(thread, text) {
  hold(thread.name, text);
  rememberOutbox();
  if (turnTimer === null) takeTurn();
}

function hold(to, text, ref) {
  const entry = state.outbox.add(to, text, ref);
  entry.from = state.you || state.chosenName || '…';
  announce('chat');
}

// Sends what waits, one after the other, as fast as the server takes it.
export function takeTurn() {
  clearTimeout(turnTimer);
  turnTimer = null;
  if (state.behind || !isOpen()) return;
  const next = state.outbox.next();
  if (next === null) return;
  if (next.isTooLong) {
    refuse(next.entry, 'error_too_long', { limit: state.outbox.limits.message });
    return takeTurn();
  }
  send(next.frame);
  next.entry.state = 'sent';
  next.entry.sentAt = performance.now();
  announce('chat');
  turnTimer = setTimeout(takeTurn, next.pause);
}

// What was on its way at a close for a message too long, or too many, was refused: sent again it would end the next connection,
// too. Everything else waits, and goes out once more.
on('closed', ({ code }) => {
  if (code === 1009 || code === 1008) {
    for (const entry of state.outbox.all()) if (entry.state === 'sent') refuse(entry, `refused_${code}`);
  }
  state.outbox.connectionLost();
  announce('chat');
});

// It is part of the talk now: the row moves up to its place among the others.
export function confirm(entry, { id, from, text, at, teacher }) {
  const isGone = state.removed.has(id) || id < state.removedUpTo;
  Object.assign(entry, { id, from, at, teacher }, isGone ? { text: '', removed: true } : { text });
  settle(entry, 'delivered');
}

export function refuse(entry, key, values) {
  entry.refusal = { key, values };
  settle(entry, 'refused');
}

function settle(entry, how) {
  state.outbox.settle(entry.ref, how);
  rememberOutbox();
  addRow(openThread(entry.to), entry);
}

// A reload must not lose what waits.
export function rememberOutbox() {
  remember('sessionStorage', 'outbox', JSON.stringify(state.outbox));
}

export function recallOutbox() {
  for (const { ref, text, to } of recallJson('outbox') ?? []) {
    openThread(to);
    hold(to, text, ref);
  }
}

export function tellTyping() {
  const now = performance.now();
  if (state.shown !== everybody || state.shown.draft.trim() === '' || state.count > TYPING_CROWD) return;
  if (state.behind || !isOpen() || now - state.toldTyping < TYPING_EVERY) return;
  state.toldTyping = now;
  send({ type: 'typing' });
}
