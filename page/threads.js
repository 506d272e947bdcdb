// The threads: the talk with everybody and the private ones. Each has its rows, its place in them and its unfinished text.

import { announce, state } from './state.js';

const ROWS_KEPT = 500;          // rows of the chat; older ones go
const PRIVATE_ROWS_KEPT = 200;  // the same in a private thread
const THREADS_KEPT = 50;        // private threads; past that the oldest one in which nothing waits goes

export const everybody = openThread('');
state.shown = everybody;        // a private one only if somebody opens it

export function openThread(name) {
  if (state.threads.has(name)) return state.threads.get(name);
  const thread = {
    name,
    rows: [],         // what was said, in the order of the chat; what nobody confirmed yet is in the outbox
    changes: 0,       // of its rows
    following: true,  // at the newest row, and staying there
    scrolledTo: 0,    // else where
    unseen: 0,        // rows that came while you were reading further up
    newFrom: null,    // the first row that came while you were not looking; until you look away again
    unread: 0,        // messages that came while you were not looking at all
    draft: '',        // what was begun here must not be sent there
  };
  state.threads.set(name, thread);
  dropOldThreads();
  announce('chat');
  return thread;
}

function hasPending(thread) {
  return state.outbox.to(thread.name).length > 0;
}

function dropOldThreads() {
  const old = [...state.threads.values()].slice(0, -1).filter((thread) => thread !== everybody && thread !== state.shown && !hasPending(thread));
  for (const thread of old.slice(0, Math.max(0, state.threads.size - 1 - THREADS_KEPT))) dropThread(thread);
}

export function dropThread(thread) {
  state.threads.delete(thread.name);
  announce('chat');
}

export function addRow(thread, row) {
  thread.rows.push(row);
  if (thread.rows.length > (thread === everybody ? ROWS_KEPT : PRIVATE_ROWS_KEPT)) thread.rows.shift();
  if (!thread.following) thread.unseen += 1;
  if (row.kind === 'message' && row.state === null && !isLookedAt(thread)) thread.newFrom ??= row;
  thread.changes += 1;
  announce('chat');
}

function isLookedAt(thread) {
  return thread === state.shown && thread.following && !document.hidden;
}

// What comes from now on is new when you look again.
export function lookAway(thread) {
  thread.newFrom = null;
  thread.changes += 1;
}

export function removeRow(thread, row) {
  thread.rows = thread.rows.filter((other) => other !== row);
  thread.changes += 1;
  announce('chat');
}

// The message with this number: its row stays, and says that it was taken back. Returns its text; null: it is not here.
export function blankRow(id) {
  for (const thread of state.threads.values()) {
    const row = thread.rows.find((other) => other.kind === 'message' && other.id === id);
    if (row === undefined) continue;
    const { text } = row;
    Object.assign(row, { text: '', removed: true });
    thread.changes += 1;
    return text;
  }
  return null;
}

// No message is left in any thread, nor an older notice that says so.
export function removeMessages() {
  for (const thread of state.threads.values()) {
    thread.rows = thread.rows.filter(({ kind, type }) => kind !== 'message' && type !== 'cleared');
    Object.assign(thread, { unseen: 0, unread: 0, newFrom: null });
    thread.changes += 1;
  }
}

// A row that is not a message. `parts` are sentences, { key, values }, and codes, { code }.
export function notice(type, at, ...parts) {
  return { kind: 'notice', type, at, parts };
}

export function showThread(thread) {
  const before = state.shown;
  if (thread === before) return;
  lookAway(before);
  state.shown = thread;
  state.problems.message = null;
  const isEmpty = before.rows.length === 0 && !hasPending(before) && before.draft === '';
  if (isEmpty && before !== everybody) dropThread(before);
  nowRead();
  announce('thread');
}

// People keep their thread when they change their name. If there is one of the new name, from somebody
// who had it before, it goes on as one: whoever has the name now gets what is written there.
export function renameThread(from, name) {
  const thread = state.threads.get(from);
  if (!thread || thread === everybody || from === name) return;
  const former = state.threads.get(name);
  if (former) {
    thread.rows = [...former.rows, ...thread.rows];
    thread.unread += former.unread;
    thread.draft ||= former.draft;
    if (former === state.shown) showThread(thread);
    state.threads.delete(name);
  }
  state.threads.delete(from);
  state.outbox.rename(from, name);
  thread.name = name;
  thread.changes += 1;
  state.threads.set(name, thread);
  announce('chat');
}

export function addUnread(thread) {
  if (thread === state.shown && !document.hidden) return;
  thread.unread += 1;
  announce('chat');
}

export function nowRead() {
  if (document.hidden || state.shown.unread === 0) return;
  state.shown.unread = 0;
  announce('chat');
}

export function forgetThreads() {
  showThread(everybody);
  for (const thread of [...state.threads.values()]) if (thread !== everybody) dropThread(thread);
  Object.assign(everybody, { rows: [], following: true, unseen: 0, unread: 0, newFrom: null, draft: '' });
  everybody.changes += 1;
}
