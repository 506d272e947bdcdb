// The life of the chat's WebSocket: connect, stay, leave, and come back when it was lost. The socket's events become events of
// the chat; what becomes of them is decided in events.js.

import { closeSocket, openSocket, sendText } from './socket.js';
import { announce, isClosed, isOpen, readyState, state } from './state.js';
import { Pulse, Waits } from './time.js';

const WELCOME_WAIT = 2_000;      // milliseconds without a welcome: then the page says why it may not have come
const HANDSHAKE_WAIT = 15_000;   // milliseconds without an answer to the handshake: then the page gives it up
const LOOK_EVERY = 500;          // milliseconds between two looks at the clock
const SECRET = ['join', 'teach'];  // types of messages whose text is shown nowhere

// What has to be so before a handshake makes sense: asynchronous functions that return whether it does. Each gets a function
// that says whether something else was decided in the meantime.
export const gates = [];

const waits = new Waits();
let connects = 0;            // calls of connect: only the latest counts
let retryTimer = null;
let welcomeTimer = null;     // until the welcome comes
const pulse = new Pulse();   // is the server still there?

// Step 1, the handshake.
export async function connect() {
  if (!await prepare()) return;
  state.connectingSince = performance.now();
  state.openSince = state.closingSince = state.closedSince = state.end = null;
  state.sent = state.received = 0;
  state.behind = true;
  saysWhyStopped(null);
  state.socket = openSocket(state.wantsSlowHandshake ? 'ws?join=message&slow=handshake' : 'ws?join=message', { opened, received, closed });
  state.wantsSlowHandshake = false;
  announce('connection');
}

// The first message: who we are, and what we have heard so far. After a reload that is nothing: the whole talk comes again.
// Not in the address, since proxies log addresses: who knows a session can go on with it.
function joinMessage() {
  const { place, highest, welcomed, hasAccounts, chosenName, wireKey } = state;
  const after = highest || (welcomed ? place?.after : 0);
  const back = place?.session && { session: place.session, epoch: place.epoch, after };
  return { type: 'join', wire: wireKey, name: (hasAccounts ? null : chosenName) ?? undefined, ...back };
}

async function prepare() {
  connects += 1;
  const mine = connects;
  const isOutdated = () => mine !== connects || !state.staying;  // in the meantime something else was decided
  forgetRetry();
  state.preparing = true;
  announce('connection');
  for (const gate of gates) {
    const mayPass = await gate(isOutdated);
    if (isOutdated()) return false;
    if (!mayPass) {
      state.preparing = false;
      announce('connection');
      return false;
    }
  }
  state.preparing = false;
  return true;
}

// Step 2, the persistent connection.
function opened(socket) {
  if (socket !== state.socket) return;  // a newer one has taken its place
  state.openSince = performance.now();
  pulse.begin(state.openSince);
  send(joinMessage());
  // Where several servers share the chat and this one cannot reach the others, nobody comes in until it can.
  welcomeTimer = setTimeout(saysWhyStopped, WELCOME_WAIT, 'not_in_yet');
  announce('connection');
  announce('opened');
}

export function send(event) {
  const text = JSON.stringify(event);
  sendText(state.socket, text);
  if (!SECRET.includes(event.type)) announce('said', text);
  state.sent += 1;
  announce('traffic', 'out');
}

function received(data, socket) {
  if (socket !== state.socket || state.nobody) return;
  pulse.heard(performance.now());
  state.received += 1;
  announce('traffic', 'in');
  if (data instanceof Blob) return announce('shown', { what: 'binary', count: data.size });
  let event;
  try { event = JSON.parse(data); } catch { return; }
  announce('event', event);
}

// Why nothing goes on although the connection is open; null: it does, or it is not.
export function saysWhyStopped(key) {
  clearTimeout(welcomeTimer);
  state.stopped = key;
  announce('connection');
}

// Step 3, the close. We ask for it; the server answers; then "closed" below is called.
export function leave() {
  state.staying = state.preparing = false;
  forgetRetry();
  if (!isClosed()) startClosing();
  announce('connection');
}

// The page is put aside. When it is shown again, it hears of the close, and comes back.
export function pause() {
  if (!isClosed()) startClosing();
}

// From the beginning once more, so that the inspector sees all of it.
export function connectAgain() {
  waits.reset();
  state.socket.addEventListener('close', connect, { once: true });
  startClosing();
  announce('connection');
}

function startClosing() {
  state.closingSince = performance.now();
  closeSocket(state.socket);
}

function closed(end, socket) {
  if (socket !== state.socket || state.end !== null) return;
  state.closedSince = performance.now();
  state.end = end;
  const byUs = state.closingSince !== null;
  if (state.openSince !== null) state.lastClose = { ...end, at: new Date().toISOString(), by: byUs ? 'client' : end.wasClean ? 'server' : 'nobody' };
  state.behind = true;
  state.silentFor = null;
  state.typists.clear();
  saysWhyStopped(null);
  // Codes from 4500 on say that coming back is pointless until a person decides otherwise.
  if (state.staying && end.code < 4500 && !state.nobody && state.comesBack) retryLater();
  announce('connection');
  announce('chat');
  announce('closed', end);
}

// A connection that is dead may look open for minutes: a cable that was pulled, a proxy that forwards nothing any more, a server
// that stands still. Browsers hide pings, so the page asks the server itself, and gives up a socket on which nothing comes.

setInterval(() => {
  const now = performance.now();
  if (readyState() === 'connecting' && now - state.connectingSince > HANDSHAKE_WAIT) return giveUp();
  if (!isOpen()) return;
  const what = pulse.look(now, state.outbox.oldestSent());
  if (what === 'ask') send({ type: 'heartbeat' });
  if (what === 'give up') return giveUp();
  const silentFor = pulse.silentFor(now);
  if (silentFor === state.silentFor) return;
  state.silentFor = silentFor;
  announce('connection');
}, LOOK_EVERY);

// The network is back, the computer woke up, the tab is looked at again: is the server still there?
export function askNow() {
  if (isOpen() && pulse.mayAsk(performance.now())) send({ type: 'heartbeat' });
}

// The page does not wait for the browser to notice.
function giveUp() {
  const { socket } = state;
  closed({ code: 1006, reason: '', wasClean: false, isGivenUp: true }, socket);
  state.socket = { readyState: WebSocket.CLOSED, bufferedAmount: 0 };
  closeSocket(socket);
  announce('connection');
}

function retryLater() {
  const { openSince, closedSince, isWatched } = state;
  const wait = waits.next(openSince === null ? 0 : closedSince - openSince, isWatched && openSince !== null);
  state.retryAt = performance.now() + wait;
  retryTimer = setTimeout(connect, wait);
}

function forgetRetry() {
  clearTimeout(retryTimer);
  state.retryAt = null;
}

// A person decided: whatever was being prepared or waited for is off. Returns whether that is still the latest decision.
export function decide() {
  connects += 1;
  const mine = connects;
  forgetRetry();
  return () => mine === connects;
}

// A person wants to come in: no reason to wait any longer.
export function join() {
  state.staying = true;
  waits.reset();
  return connect();
}
