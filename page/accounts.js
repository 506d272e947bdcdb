// Where only people on a list may come in (--users), signing in is ordinary HTTP: POST /login answers with a cookie, which
// no script can read, and which the browser brings along with every handshake. POST /logout ends that.

import { connect, decide, gates, join } from './connection.js';
import { announce, forgetTab, newKey, on, problem, remember, state } from './state.js';
import { forgetThreads } from './threads.js';

const PATIENCE = 10_000;  // milliseconds that an HTTP request may take
const BUSY_TRIES = 5;     // times that a sign-in is tried while the server is too busy for it…
const BUSY_WAIT = 2;      // …and seconds between two of them, unless it says how long

const tabs = new BroadcastChannel('websocket-classroom');  // the other tabs of this browser, which have the same cookie

gates.push(async (isOutdated) => {
  const who = await whoIsHere();
  state.asked = true;
  return !isOutdated() && letIn(who);
});

// All tabs have the same cookie: what one of them does is done in all. A tab that slept may have heard nothing of it.
tabs.addEventListener('message', ({ data }) => {
  if (data === 'signed out' && state.hasAccounts) signedOut();
  else if (state.nobody) connect();
});

on('closed', ({ code }) => { if (code === 4500 && state.hasAccounts && !state.nobody) thrownOut(); });

// Who may come in here? null: the server cannot be asked just now. A page never learns why a handshake was refused, so it
// asks first. Without accounts there is no /me.
async function whoIsHere() {
  try {
    state.hasAnswered = false;
    const { sign_in: accounts = false, features = [] } = await askFor('health');
    state.hasAnswered = true;
    state.features = features;
    announce('features');
    return { accounts, name: accounts ? (await askFor('me')).name : null };
  } catch { return null; }
}

// Addresses are relative to the page, so that it works behind a proxy, too.
async function askFor(path) {
  const response = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
  return response.json();
}

// The response, or null if none came.
async function submit(path, body) {
  const request = { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Wire-Key': state.wireKey }, body: JSON.stringify(body) };
  try {
    return await fetch(path, { ...request, signal: AbortSignal.timeout(PATIENCE) });
  } catch { return null; }
}

// Whether there is any sense in a handshake. Without an answer there is: when it fails, the page says so and tries again.
function letIn(who) {
  state.hasAccounts = who?.accounts ?? state.hasAccounts ?? false;
  if (who === null) return !state.nobody;
  if (who.accounts && who.name === null) askToSignIn();
  else {
    state.nobody = false;
    if (who.accounts) becomes(who.name);
  }
  announce('connection');
  announce('chat');
  return !state.nobody;
}

// Everything on this page is from now on this person's: what somebody else left here goes first.
export function becomes(name) {
  if (state.chosenName === name) return;
  forgetPerson();
  state.wireKey = newKey();  // whoever was here before knows the old one
  announce('key');
  state.chosenName = name;
  remember('sessionStorage', 'name', name);
}

// The form takes the place of the chat, and is the way on. What waits to be sent stays, in case the same person signs in.
function askToSignIn() {
  if (state.nobody) return;
  decide();
  state.preparing = false;
  state.nobody = state.staying = true;
  state.problems.signIn = null;
  announce('forms');
  announce('connection');
  announce('focus', 'account');
}

export async function signIn(credentials) {
  problem('signIn', null);
  const empty = ['name', 'password'].find((field) => credentials[field] === '');
  if (empty) {
    problem('signIn', 'sign_in_empty');
    return announce('focus', { name: 'account', password: 'password' }[empty]);
  }
  state.signingIn = true;
  announce('connection');
  const response = await askAsLongAsBusy(credentials);
  state.signingIn = false;
  // 404: in the meantime the server has come to let everybody in.
  if (response?.ok || response?.status === 404) await signedIn();
  else await explainRefusal(response);
  announce('connection');
}

// When a class signs in all at once, the server has no time for some of them. They do not all come back at once.
async function askAsLongAsBusy(credentials) {
  for (let tries = 1; ; tries += 1) {
    const response = await submit('login', credentials);
    if (response?.status !== 503 || tries === BUSY_TRIES) return response;
    problem('signIn', 'sign_in_busy');
    const seconds = Number(response.headers.get('Retry-After') ?? BUSY_WAIT) * (1 + Math.random());
    await new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });
  }
}

async function signedIn() {
  problem('signIn', null);
  announce('forms');
  await join();
  if (state.nobody) return problem('signIn', 'sign_in_no_cookie');
  tabs.postMessage('signed in');
  announce('focus', 'message');
}

async function explainRefusal(response) {
  const seconds = Number(response?.headers.get('Retry-After'));
  if (response?.status === 429) state.signInAt = performance.now() + seconds * 1000;
  const keys = { 401: 'sign_in_wrong', 429: 'sign_in_too_often', 503: 'sign_in_still_busy' };
  if (response === null) problem('signIn', 'sign_in_unreachable');
  else problem('signIn', keys[response.status] ?? 'sign_in_bad', { seconds, text: await response.text() });
  announce('focus', 'password');
}

export async function signOut() {
  problem('signOut', null);
  const response = await submit('logout', {});
  if (!response?.ok) return problem('signOut', 'sign_out_failed');
  signedOut();
  tabs.postMessage('signed out');
}

// Here, in another tab, or by the server.
function signedOut() {
  decide();
  state.preparing = false;
  forgetPerson();
  askToSignIn();
}

// The connection was closed with 4500. Somebody may have made that happen in the inspector: whoever is still signed in shall
// not believe the contrary.
async function thrownOut() {
  const isLatest = decide();
  state.preparing = true;
  announce('connection');
  const who = await whoIsHere();
  if (!isLatest()) return;
  state.preparing = false;
  announce('connection');
  if (who?.name && who.name === state.chosenName) return;
  signedOut();
  if (who?.name) connect();
}

// The next person at this computer must find nothing of the one before: not on the page, not in the storage, not in memory.
function forgetPerson() {
  const wasSomebody = state.chosenName !== null;
  forgetTab();
  Object.assign(state, {
    place: null, chosenName: null, gapAfter: null, greeting: null, you: '', people: [], count: 0,
    highest: 0, missedUpTo: 0, readUpTo: 0, welcomed: false, wishedName: false, crowded: false,
  });
  state.outbox.clear();
  state.typists.clear();
  forgetThreads();
  Object.assign(state.problems, { message: null, name: null });
  announce('person', { wasSomebody });
  announce('forms');
  announce('own');
}

// Somebody new on an empty page: session, name and what was written are another tab's now.
export function beginAgain() {
  state.place = null;
  forgetTab();
  location.reload();
}
