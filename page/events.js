// What the server tells us: one function for each type of event. It changes the state; drawing follows.
// `missed`: the event belongs to the past, and the welcome has told already who is here now.

import { becomes } from './accounts.js';
import { saysWhyStopped, send } from './connection.js';
import { confirm, refuse, rememberOutbox, takeTurn } from './sending.js';
import { announce, isOpen, on, problem, remember, state } from './state.js';
import { addRow, addUnread, blankRow, everybody, notice, openThread, removeMessages, renameThread } from './threads.js';
import { closeKey, closeSentences, firstKnown } from './words.js';

const PEOPLE_KEPT = 1_000;       // names that the page knows; the others are only counted
const LIST_WAIT = 1_000;         // milliseconds, half as long to half again as long: then we ask who is here…
const LIST_PAUSE = 100;          // …and milliseconds between two pages of the answer
const LIST_REF = 'members';
const REPLAY_PAUSE = 300;        // milliseconds without another missed event: then that was the last one
const PLACE_EVERY = 100;         // milliseconds between two times that our place is remembered
const TYPING_SHOWN = 4_000;      // milliseconds that we show that another is writing
const REMOVED_KEPT = 1_000;      // numbers of messages that were taken back

let replayTimer = null;
let placeTimer = null;
let listTimer = null;
let listed = null;               // the names of the pages so far, while we are told who is here

on('event', (event) => {
  // A type this page does not know is one of a newer server: nothing to draw, nothing to fear.
  if (!Object.hasOwn(onEvent, event?.type)) return;
  // What has a time is part of the talk, and numbered.
  if (event.at === undefined) onEvent[event.type](event);
  else numbered(event);
  announce('chat');
});

on('closed', () => {
  if (state.openSince !== null) addRow(everybody, notice('closed', state.lastClose.at, ...closeSentences(state.lastClose)));
  clearTimeout(replayTimer);
  clearTimeout(listTimer);
  listed = null;
});
on('person', () => clearTimeout(replayTimer));

// Coming back: first the events that were missed, then those of now. Their numbers rise, so that none is
// drawn twice; what was missed is drawn, but who is here we know from the welcome.
function numbered(event) {
  if (event.id <= state.highest) return;
  if (state.gapAfter !== null && event.id > state.gapAfter + 1) addGap();
  state.gapAfter = null;
  state.highest = event.id;
  placeTimer ??= setTimeout(rememberPlace, PLACE_EVERY);

  const missed = event.id <= state.missedUpTo;
  if (!missed) caughtUp();
  onEvent[event.type](event, missed);
  if (event.id >= state.missedUpTo) caughtUp();
  else if (state.behind) awaitMissed();
}

// The last event missed need not be for us: it may have been between two others. So we wait a little.
function awaitMissed() {
  clearTimeout(replayTimer);
  replayTimer = setTimeout(caughtUp, REPLAY_PAUSE);
}

// From here on it is now: what you wrote in the meantime goes out.
function caughtUp() {
  if (!state.behind) return;
  state.behind = false;
  clearTimeout(replayTimer);
  if (state.greeting !== null) addRow(everybody, state.greeting);
  state.greeting = null;
  takeTurn();
}

export function rememberPlace() {
  clearTimeout(placeTimer);
  placeTimer = null;
  if (state.place === null) return;
  state.place.after = Math.max(state.place.after, state.highest);
  remember('sessionStorage', 'place', JSON.stringify(state.place));
}

const onEvent = {
  welcome(event) {
    saysWhyStopped(null);
    if (state.hasAccounts) becomes(event.you);  // who is signed in may have changed since the page asked
    const { place, you, welcomed } = state;
    const comingBack = place !== null;
    const sameEpoch = place?.epoch === event.epoch;
    state.missedUpTo = event.last;
    state.readUpTo = !comingBack ? event.last : sameEpoch ? place.after : 0;
    state.gapAfter = null;
    if (!sameEpoch) {
      state.highest = state.removedUpTo = 0;
      state.removed.clear();
    }
    if (comingBack && !event.recovered) {
      const isSameSession = sessionNumber(place) === sessionNumber(event);
      state.gapKey = !sameEpoch ? 'gap_restarted' : isSameSession ? 'gap_much' : 'gap_long';
      // Just reloaded, what we get may reach back far enough: the first event will show it.
      if (sameEpoch && !welcomed) state.gapAfter = place.after;
      else addGap();
    }
    state.outbox.limits = { ...state.outbox.limits, ...event.limits };
    state.place = { session: event.session, epoch: event.epoch, after: state.readUpTo };
    rememberPlace();

    // Where nothing is missing, the talk simply goes on.
    const goesOn = welcomed && event.recovered && event.you === you;
    state.greeting = goesOn ? null : notice('welcome', null, { key: welcomed ? 'welcome_back' : 'welcome', values: { name: event.you } });
    state.you = event.you;
    state.people = event.users.slice(0, PEOPLE_KEPT);
    if (!state.people.includes(event.you)) state.people = [...state.people, event.you];
    state.count = event.count;
    state.crowded = false;
    state.welcomed = true;
    if (state.count > state.people.length) askWhoIsHere();

    if (state.wishedName && comingBack && event.you !== state.chosenName) send({ type: 'name', name: state.chosenName });
    state.wishedName = false;
    awaitMissed();
    if (state.highest >= state.missedUpTo) caughtUp();
  },

  message(event, missed) {
    state.typists.delete(event.from);
    const entry = state.outbox.get(event.ref);
    if (entry) return confirm(entry, event);
    const isPrivate = event.to !== undefined;
    // In the past somebody else may have had your name, unless it is an account's; but private ones reach only the two.
    const own = event.ref !== undefined || (event.from === state.you && (!missed || isPrivate || state.hasAccounts));
    const thread = isPrivate ? openThread(own ? event.to : event.from) : everybody;
    const { id, from, to, at, text, teacher } = event;
    addRow(thread, { kind: 'message', id, from, to, at, text, teacher, state: own ? 'delivered' : null });
    if (own || event.id <= state.readUpTo) return;
    addUnread(thread);
    if (!missed) announce('heard', { id, from, text, isPrivate });
  },

  // Sent again, but the server had it already; the event itself came to a connection that was dead.
  posted(event) {
    const entry = state.outbox.get(event.ref);
    if (entry) confirm(entry, { id: event.id, from: state.you, text: entry.text });
  },

  // A message was taken back: its row says so. Whatever else has its text is told.
  removed(event) {
    state.removed.add(event.message);
    if (state.removed.size > REMOVED_KEPT) state.removed.delete(state.removed.values().next().value);
    announce('removed', { id: event.message, text: blankRow(event.message) });
    announce('own');
  },

  // All messages were.
  cleared(event) {
    state.removedUpTo = event.id;
    removeMessages();
    addRow(everybody, notice('cleared', event.at, { key: 'cleared', values: { name: event.by } }));
    announce('removed', { upTo: event.id });
    announce('own');
  },

  joined(event, missed) {
    if (!missed) {
      if (state.people.length < PEOPLE_KEPT && !state.people.includes(event.name)) state.people = [...state.people, event.name];
      state.count = event.count;
    }
    tellOf(event.name, notice('joined', event.at, { key: event.back ? 'back' : 'joined', values: { name: event.name } }));
  },

  left(event, missed) {
    if (!missed) {
      state.people = state.people.filter((name) => name !== event.name);
      listed = listed?.filter((name) => name !== event.name) ?? null;
      state.count = event.count;
      state.typists.delete(event.name);
      // The name we wanted is free now: perhaps it was our own old connection that still held it.
      if (event.name === state.chosenName && state.you !== state.chosenName) send({ type: 'name', name: state.chosenName });
    }
    const meaning = firstKnown(`left_${event.code}`) ?? closeKey(event.code);
    tellOf(event.name, notice('left', event.at, { key: 'left', values: { name: event.name } }, { code: event.code }, { key: meaning }));
  },

  renamed(event, missed) {
    if (!missed) {
      const renamed = (name) => name === event.from ? event.name : name;
      state.people = state.people.map(renamed);
      listed = listed?.map(renamed) ?? null;
      state.typists.delete(event.from);
      if (event.from === state.you) youAreNow(event.name);
    }
    renameThread(event.from, event.name);
    rememberOutbox();
    tellOf(event.name, notice('renamed', event.at, { key: 'renamed', values: { from: event.from, name: event.name } }));
  },

  // Very many came or went at once: the server tells how many, not who.
  crowd(event, missed) {
    if (!missed) {
      state.count = event.count;
      state.crowded = true;
      askWhoIsHere();
    }
    addRow(everybody, notice('crowd', event.at, { key: 'crowd', values: event }));
  },

  // A page of the list of who is here. It is true for all that has come before it; new people are at its end.
  members(event) {
    if (listed === null) return;
    listed = [...listed, ...event.users];
    if (event.next !== null && listed.length < PEOPLE_KEPT) {
      listTimer = setTimeout(send, LIST_PAUSE, { type: 'members', after: event.next, ref: LIST_REF });
      return;
    }
    state.people = [...new Set([state.you, ...listed])];
    state.count = event.count;
    state.crowded = false;
    listed = null;
  },

  // The server has lost touch with the others of this chat, or is back. We stay; what we write comes back to us when it is.
  backplane({ connected }) {
    saysWhyStopped(connected ? null : 'apart');
  },

  typing({ name }) {
    const now = performance.now();
    for (const [other, until] of state.typists) if (until < now) state.typists.delete(other);
    if (name !== state.you) state.typists.set(name, now + TYPING_SHOWN);
  },

  // The server is still there: that it came is all that counts.
  heartbeat() {},

  // The server says first what it will do; that is for people at a terminal, we have our own sentences.
  shown({ what, part }) {
    if (part === undefined) return;
    if (what === 'fragments') addRow(everybody, notice('shown', null, { key: 'fragments_arrived' }));
    if (what !== 'push') return;
    addRow(everybody, notice('shown', null, { key: 'pushed', values: { number: part } }));
    announce('shown', { what, count: part });
  },

  error(event) {
    const key = firstKnown(`why_${event.why}`, `error_${event.code}`, 'error_other');
    const entry = state.outbox.get(event.ref);
    if (entry) return refuse(entry, key, event);
    if (event.ref === LIST_REF) return askWhoIsHere();
    if (event.ref?.startsWith('@')) return;  // a feature asked, and says itself what is wrong
    // A message has a ref: what is refused without one is a new name.
    const isAboutName = ['name_taken', 'bad_name', 'muted'].includes(event.code);
    problem(isAboutName ? 'name' : 'message', key, event);
  },
};

// After a crowd, or among many, we know not all who are here. Everybody's page asks then, so not all at once.
function askWhoIsHere() {
  listed = null;
  clearTimeout(listTimer);
  listTimer = setTimeout(() => {
    if (!isOpen()) return;
    listed = [];
    send({ type: 'members', ref: LIST_REF });
  }, LIST_WAIT * (0.5 + Math.random()));
}

function youAreNow(name) {
  state.you = state.chosenName = name;
  state.renamings += 1;
  remember('sessionStorage', 'name', name);
  state.problems.name = null;
  announce('renamed');
}

// What was said meanwhile, if anything, cannot be had: in every thread, for it may have been said in any.
function addGap() {
  for (const thread of state.threads.values()) addRow(thread, notice('gap', null, { key: state.gapKey }));
}

// A session begins with its number; what follows is secret, and another one each time.
function sessionNumber({ session }) {
  return session?.split('.')[0];
}

// A notice for everybody about one person: in the private thread with that person it is read, too.
function tellOf(name, row) {
  addRow(everybody, row);
  if (state.threads.has(name)) addRow(state.threads.get(name), { ...row });
}
