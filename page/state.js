// Everything the chat remembers. Events and input change it; drawing reads it and changes nothing. A change is announced by
// its topic:
//   connection  the WebSocket's state, or what keeps it from opening: drawn at once
//   own         what you did yourself, or what another person must not see: drawn at once
//   chat        the talk, the people, what you sent: drawn with the next frame of the screen
//   thread      another thread is shown: drawn at once
//   forms       what was entered in the forms is to go
//   focus       where the keyboard should write now: an element's id
//   features    what the server has is known now
//   event       an event of the server, still as it came
//   opened, closed   the chat's WebSocket; closed with { code, reason, wasClean }
//   said        a message of ours, as it was sent
//   traffic     a message went 'out' or came 'in'
//   shown       the server has done to this connection what it was asked for
//   heard       somebody else said something, now: { from, text, isPrivate }
//   removed     a message was taken back: { id, text }, or all of them, { upTo }: its text may stay nowhere
//   person      another person uses this page now: nothing of the one before may stay
//   key         the key that lets an inspector watch this connection has changed
//   renamed     you have a new name
//   link        the page was opened by a link with a code that the server exchanges for the teacher's key: state.teachCode
//   teacher     the teacher's key came, by a link
//   panel       a panel beside the chat was shown or hidden: { id, shown }
//   language    another language was chosen

import { Outbox } from './outbox.js';

// What the browser keeps for this page: 'sessionStorage' for this tab, also through a reload; 'localStorage' for all of them.
// The browser may forbid storage, or have none left; the chat works without it.
const PREFIX = 'websocket-classroom.';

export function remember(storage, key, value) {
  try { window[storage].setItem(PREFIX + key, value); } catch { /* then not */ }
}

export function recall(storage, key) {
  try { return window[storage].getItem(PREFIX + key); } catch { return null; }
}

export function recallJson(key) {
  try { return JSON.parse(recall('sessionStorage', key)); } catch { return null; }
}

export function forget(storage, key) {
  try { window[storage].removeItem(PREFIX + key); } catch { /* it was not there */ }
}

// All that this tab keeps of one person.
export function forgetTab() {
  for (const key of ['place', 'name', 'outbox']) forget('sessionStorage', key);
}

// The teacher's key stays in this tab, and is shown nowhere.
export function takeTeacherKey(key) {
  state.teacherKey = key;
  state.opensClass = true;
  remember('sessionStorage', 'teacher', key);
  announce('teacher');
}

// A teacher opens the page with #teach=CODE or #teacher=KEY. Neither has a place in an address bar on a projector: it goes from there before
// anything is drawn.
export function takeLink() {
  const link = new URLSearchParams(location.hash.slice(1));
  const [code, key] = [link.get('teach'), link.get('teacher')];
  if (code === null && key === null) return;
  history.replaceState(null, '', location.pathname + location.search);
  if (key !== null) return takeTeacherKey(key);
  state.teachCode = code;
  announce('link');
}

export function forgetTeacherKey() {
  state.teacherKey = null;
  forget('sessionStorage', 'teacher');
}

const listeners = new Map();

export function on(topic, listener) {
  listeners.set(topic, [...listeners.get(topic) ?? [], listener]);
}

export function announce(topic, detail) {
  for (const listener of listeners.get(topic) ?? []) listener(detail);
}

export const state = {
  // The connection. Times are milliseconds of performance.now().
  socket: null,           // the chat's WebSocket; every attempt makes a new one
  staying: true,          // false after "Leave", until "Join"
  preparing: false,       // we are about to connect, but there is no WebSocket yet
  retryAt: null,          // null: no new attempt is planned
  connectingSince: 0,
  openSince: null,        // null: this WebSocket never opened
  closingSince: null,     // null: it was not this page that asked to close
  closedSince: null,      // null: it is not closed
  end: null,              // { code, reason, wasClean } of the last close, until the next attempt
  lastClose: null,        // the same with `at` and who asked for it, until the next close: a class has to be able to read it
  wantsSlowHandshake: false,  // the next one is to be answered late, so that CONNECTING can be seen
  comesBack: true,        // by itself, after a close: can be switched off in the inspector
  isWatched: false,       // lesson or inspector is open: then the page takes its time to come back
  sent: 0,                // messages on this connection, for the lesson
  received: 0,
  silentFor: null,        // whole seconds for which the server has not answered our question; null: it has
  stopped: null,          // the sentence that says why nothing goes on although the connection is open
  asked: false,           // the server was asked what it has, whether or not it answered…
  hasAnswered: false,     // …and the last time it did
  features: null,         // what it has, as /health says; null: it has not said yet
  wireKey: newKey(),      // whoever has this key may watch this connection: 16 random bytes

  // A teacher's link
  teachCode: null,        // a code that has not been exchanged for the key yet
  teacherKey: recall('sessionStorage', 'teacher'),
  opensClass: false,      // a link brought it, and the inspector has not shown the whole class yet

  // Signing in
  hasAccounts: null,      // only people on a list may come in; null: the server has not said yet
  nobody: false,          // that is so, and nobody is signed in
  signingIn: false,       // a password is on its way
  signInAt: 0,            // when the next password may be tried

  // Coming back: what the server needs to tell us exactly what we missed
  place: recallJson('place'),  // { session, epoch, after }; null: we were never here
  highest: 0,             // the highest number of an event that this page has, in this epoch
  missedUpTo: 0,          // events up to this number are not news of now, but what was missed
  readUpTo: 0,            // …and up to this one, they were read before a reload
  gapAfter: null,         // a number: if the first missed event is not the next one, something is lost
  gapKey: 'gap_long',     // the sentence about what is lost, and why
  greeting: null,         // the row that says "you are in": below what was missed
  behind: true,           // until all that was missed has come: only then we speak

  // The chat
  you: '',                // your name, as the server says it
  // A session is one tab: so two tabs are two people. With accounts it is the account's name, and whose all of this is.
  chosenName: recall('sessionStorage', 'name'),
  renamings: 0,           // of yours, by you
  people: [],             // the names we know, in order of arrival
  count: 0,               // how many are really here
  search: '',             // which of them are looked for
  crowded: false,         // true after a "crowd", until we are told who is here
  welcomed: false,        // true once we were in: the next welcome is a coming back
  wishedName: false,      // a name was chosen while there was no connection
  toldTyping: -Infinity,  // when we last told that you are writing
  typists: new Map(),     // who is writing, and until when we show it

  // What you sent, until the server has confirmed or refused it
  outbox: new Outbox(Array.from(crypto.getRandomValues(new Uint32Array(3)), (part) => part.toString(36)).join('')),

  // Numbers of messages that were taken back: a late confirmation must not show their text again
  removed: new Set(),
  removedUpTo: 0,         // …and all before this one were

  // The threads: by the name of the other person; '' is the talk with everybody
  threads: new Map(),
  shown: null,            // the thread on the screen

  notifies: recall('localStorage', 'notify') === 'on',  // a wish for desktop notifications

  // What is wrong with what was entered, by its field: { key, values }
  problems: { message: null, name: null, signIn: null, signOut: null },
};

takeLink();

// What JavaScript calls the four states of a WebSocket; the index is the number in readyState.
const READY_STATES = ['connecting', 'open', 'closing', 'closed'];

export function readyState() {
  return state.socket === null ? 'none' : READY_STATES[state.socket.readyState];
}

export function isOpen() {
  return readyState() === 'open';
}

export function isClosed() {
  return readyState() === 'closed' || readyState() === 'none';
}

export function isTakenOver() {
  return state.end?.code === 4501;  // another tab goes on with our session
}

// A server without the inspector has no /wire to listen to: then nothing of it is offered.
export function mayInspect() {
  return state.features?.includes('inspector') ?? true;
}

export function problem(field, key, values) {
  state.problems[field] = key === null ? null : { key, values };
  announce('chat');
}

export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
