// The feed: a second WebSocket, to /wire, tells what really went over the wire: every frame of the connections that came
// with our key. It only listens. What it tells becomes a "line" for each connection; drawing follows.

import { hexBytes, messageIn, said } from './decode.js';
import { closeSocket, openSocket, sendText } from '../socket.js';
import { announce, state } from '../state.js';

const LINES_KEPT = 5;            // connections that the inspector remembers…
const CLASS_LINES_KEPT = 1_000;  // …and for the teacher
export const FRAMES_KEPT = 300;  // frames of each…
const CLASS_FRAMES_KEPT = 50;    // …and for the teacher
const FEED_WAIT = 2_000;         // milliseconds before the inspector connects again…
const PATIENCE = 1_000;          // …and how long the chat waits for it, at most

export const ownFeed = newFeed(state.wireKey, LINES_KEPT, FRAMES_KEPT);
export const classFeed = newFeed(state.teacherKey, CLASS_LINES_KEPT, CLASS_FRAMES_KEPT);

// What is looked at.
export const view = {
  isOpen: false,       // the inspector is on the screen
  wholeClass: false,   // the teacher looks at everybody
  chosenLine: null,    // null: follow the newest connection
  chosenFrame: null,
  holding: false,      // the view is frozen; what comes is remembered all the same
  following: true,     // the newest frame is in view
  recorded: null,      // a recording in place of what happens now: a feed without a socket
};

function newFeed(key, linesKept, framesKept) {
  return { key, linesKept, framesKept, socket: null, server: null, watching: false, refused: false, lines: new Map(), waiters: [], timer: null };
}

export function openFeed(feed) {
  if (feed.socket !== null || feed.key === null) return;
  // It would be refused like any WebSocket of nobody's; the teacher's key opens it by itself.
  if (feed === ownFeed && (state.nobody || state.hasAccounts === null)) return;
  clearTimeout(feed.timer);
  feed.socket = openWire(feed.key, {
    received(data, socket) { if (feed.socket === socket) tapped(feed, JSON.parse(data)); },
    closed(_, socket) {
      if (feed.socket !== socket) return;
      feed.refused = !feed.watching;
      feed.socket = null;
      feed.watching = false;
      releaseWaiters(feed);
      feed.timer = setTimeout(() => { if (view.isOpen) openFeed(feed); }, FEED_WAIT);
      announce('wire');
    },
  });
}

// The key goes in the first message, not in the address: proxies log addresses, and who knows the key can watch.
export function openWire(key, handlers) {
  return openSocket('wire', { ...handlers, opened: (socket) => sendText(socket, JSON.stringify({ type: 'watch', key })) });
}

export function closeFeed(feed) {
  const old = feed.socket;
  feed.socket = null;
  feed.watching = false;
  clearTimeout(feed.timer);
  releaseWaiters(feed);
  if (old !== null) closeSocket(old);
}

// The chat opens after the inspector, so that its first byte is seen; but it does not depend on it.
export function whenWatching(feed) {
  if (feed.watching || feed.key === null) return Promise.resolve();
  openFeed(feed);
  return new Promise((resolve) => {
    feed.waiters.push(resolve);
    setTimeout(resolve, PATIENCE);
  });
}

function releaseWaiters(feed) {
  for (const resolve of feed.waiters.splice(0)) resolve();
}

// One event of the feed: it changes a line, and the drawing is planned.
function tapped(feed, event) {
  if (event.type === 'watching') {
    feed.watching = true;
    feed.server = event.server ?? null;
    feed.refused = false;
    releaseWaiters(feed);
  } else if (Object.hasOwn(onWire, event.type) && !isForgotten(feed, event)) {
    const line = feed.lines.get(event.conn) ?? (event.conn === undefined ? newestLine(feed) : addLine(feed, event.conn));
    if (line) {
      line.changed = true;
      onWire[event.type](line, event);
      if (feed === ownFeed) announce('tapped', { line, event });
    }
  }
  announce('wire');
}

function addLine(feed, conn) {
  const nothing = () => ({ frames: 0, messages: 0, payload: 0, overhead: 0 });
  const line = {
    conn, name: null, endpoint: null, opened: null, refused: null, exchanged: null, closing: null, closed: null,
    kept: feed.framesKept,
    rows: [], undrawn: [], lost: 0, changed: true,
    totals: { client: nothing(), server: nothing() },
  };
  feed.lines.set(conn, line);
  for (const old of feed.lines.values()) {
    if (feed.lines.size <= feed.linesKept) break;
    if (old !== view.chosenLine) feed.lines.delete(old.conn);
  }
  return line;
}

function newestLine(feed) {
  return [...feed.lines.values()].at(-1);
}

// The chat's own, so that a lesson's echo does not push it away.
export function latestOwnLine() {
  const lines = [...ownFeed.lines.values()].filter((line) => line.endpoint !== 'echo' && line.refused === null && line.exchanged === null);
  return lines.at(-1) ?? newestLine(ownFeed);
}

export function lineState(line) {
  if (line.closed || line.refused || line.exchanged || line.told) return 'closed';
  if (line.closing) return 'closing';
  return line.opened ? 'open' : 'connecting';
}

function addFrameRow(line, row) {
  line.rows.push(row);
  line.undrawn.push(row);
  if (line.rows.length > line.kept) line.rows.shift();
  if (line.undrawn.length > line.kept) line.undrawn.shift();
}

const onWire = {
  opened(line, event) {
    line.opened = event;
    line.name = event.name ?? null;
    line.endpoint = event.endpoint;
  },
  refused(line, event) {
    line.refused = event;
  },
  exchanged(line, event) {
    line.exchanged = event;
  },
  named(line, event) {
    line.name = event.name;
  },
  frame(line, event) {
    const totals = line.totals[event.from];
    totals.frames += 1;
    totals.payload += event.length;
    totals.overhead += event.header.length / 2;
    if (event.message !== undefined && event.fin) totals.messages += 1;
    addFrameRow(line, event);
  },
  broken(line, event) {
    addFrameRow(line, event);
  },
  lost(line, event) {
    line.lost += event.count;
    addFrameRow(line, event);
  },
  closing(line, event) {
    line.closing = event;
  },
  answered(line, event) {
    line.answered = true;
    line.answeredAt = event.us;
  },
  // Only in a recording: what JavaScript was told.
  told(line, event) {
    line.told = event;
  },
  closed(line, event) {
    line.closed = event;
  },
};

// A recording is told like a feed.
export function showEvents(events) {
  const feed = newFeed(null, Infinity, Infinity);
  for (const event of events) tapped(feed, event);
  view.recorded = feed;
  // Where a rule was broken is what most want to see.
  announce('recorded', [...feed.lines.values()].find((line) => line.rows.some((row) => row.type === 'broken')));
}

// What JavaScript was told of its close. Where the feed died with the server, it is all that is known.
export function pageWasTold(end) {
  const line = latestOwnLine();
  if (line === undefined || line.refused) return;
  line.told = end;
  line.changed = true;
  announce('wire');
}

// A message was taken back, { id, text }, or all of them, { upTo }: no frame that carried one keeps its text. What the server sent is
// known by the message's number, what a client sent by the text. Returns the new frame of each old one.
export function forgetText({ id, text, upTo }) {
  const isGone = (frames) => {
    const [{ from, kind }] = frames;
    const cutAt = frames.findIndex(isCut);
    const whole = cutAt === -1 && frames.at(-1).fin;
    const message = messageIn(frames.slice(0, cutAt === -1 ? undefined : cutAt + 1).map(said).join(''));
    if (message === null) return false;
    if (from === 'server') return message.id !== null && (upTo === undefined ? message.id === id : message.id < upTo);
    // Where its beginning is not kept any more, it may have been any message.
    if (upTo !== undefined || kind === 'continuation') return true;
    return text !== null && (whole ? text.trim() === message.text : text.trim().startsWith(message.text));
  };
  const replaced = new Map();
  for (const feed of [ownFeed, classFeed, view.recorded]) {
    for (const line of feed?.lines.values() ?? []) {
      for (const frames of messagesOf(line)) {
        if (isGone(frames)) for (const frame of frames) replaced.set(frame, withoutText(frame));
      }
      line.rows = line.rows.map((row) => replaced.get(row) ?? row);
      line.undrawn = line.undrawn.map((row) => replaced.get(row) ?? row);
      line.changed = true;
    }
  }
  return replaced;
}

// The frames of each text message of a line that can be read; several if it was fragmented.
function messagesOf(line) {
  const messages = new Map();
  for (const row of line.rows) {
    if (row.type !== 'frame' || row.message === undefined || row.hidden || row.kind === 'binary') continue;
    const key = `${row.from} ${row.message}`;
    messages.set(key, [...messages.get(key) ?? [], row]);
  }
  return messages.values();
}

function isCut({ length, payload }) {
  return length > hexBytes(payload).length;
}

function withoutText(frame) {
  const hide = (hex) => hex && '··'.repeat(hexBytes(hex).length);
  return { ...frame, removed: true, hidden: true, payload: hide(frame.payload), plain: hide(frame.plain) };
}

// What was written goes with the person who wrote it. How their connection was closed may still be looked at.
export function forgetFrames() {
  for (const line of ownFeed.lines.values()) {
    line.name = null;
    delete line.opened?.name;
    line.rows = line.rows.filter(tellsTheClose);
    line.undrawn = [];
    line.changed = true;
  }
}

function tellsTheClose(row) {
  return row.kind === 'close';
}

// What the feed tells late of somebody who has signed out.
function isForgotten(feed, event) {
  return feed === ownFeed && state.nobody && (event.type === 'named' || (event.type === 'frame' && !tellsTheClose(event)));
}
