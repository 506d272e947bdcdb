// The talk: a row for each message and notice, a view for each thread, and the buttons that choose a thread.

import { state } from '../state.js';
import { everybody } from '../threads.js';
import { beginning, partsOf } from '../text.js';
import { language, make, phrase, show, write } from '../words.js';
import { colour, find, lock, reconcile, time, unreadBadge, withClass, withSpaces } from './elements.js';

const log = find('log');
const elements = new WeakMap();  // of each row
const rowsOf = new WeakMap();    // of each element, its row
const views = new Map();         // of each thread: its rows, below them what is not confirmed yet, and the button above

// What a feature adds to a message: functions of its element and its row.
export const additions = [];

// The row that an element of the log belongs to.
export function rowOf(element) {
  return rowsOf.get(element.closest('.message'));
}

export function drawLog() {
  for (const [thread, view] of views) if (state.threads.get(thread.name) !== thread) dropView(thread, view);
  for (const thread of state.threads.values()) drawRows(thread);
  if (state.shown.following) log.scrollTop = log.scrollHeight;
  drawNewest();
  drawChips();
}

// Another thread is shown. A screen reader reads what is new in the log; all of another thread is not new.
export function drawThread() {
  log.setAttribute('aria-live', 'off');
  drawLog();
  if (!state.shown.following) log.scrollTop = state.shown.scrolledTo;
  setTimeout(() => log.removeAttribute('aria-live'), 1_000);
  views.get(state.shown).chip.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

function drawRows(thread) {
  const view = views.get(thread) ?? newView(thread);
  const pending = state.outbox.to(thread.name);
  view.box.hidden = thread !== state.shown;
  if (view.changes !== thread.changes) {
    view.changes = thread.changes;
    reconcile(view.rows, withSeparators(thread));
  }
  if (pending.length === 0 && view.pending.childElementCount === 0) return;
  reconcile(view.pending, pending.map(elementOf));
}

function newView(thread) {
  const view = { changes: -1, box: document.createElement('div'), rows: document.createElement('div'), pending: document.createElement('div'), chip: make('button', '') };
  view.pending.setAttribute('aria-live', 'off');  // read aloud when it is delivered
  view.chip.type = 'button';
  view.box.append(view.rows, view.pending);
  log.append(view.box);
  find('threads').append(view.chip);
  views.set(thread, view);
  return view;
}

function dropView(thread, view) {
  view.box.remove();
  view.chip.remove();
  views.delete(thread);
}

// The rows, and between them what separates them: another day, or where you stopped reading. Several messages of one person in a row
// have the name once.
function withSeparators({ rows, newFrom }) {
  let day = dayOf(Date.now());  // the past begins with its day, unless it is today
  let before = null;
  return rows.flatMap((row) => {
    const element = elementOf(row);
    const between = [];
    if (row.at && dayOf(row.at) !== day) between.push(separator(row, 'day'));
    if (row.at) day = dayOf(row.at);
    if (row === newFrom) between.push(separator(row, 'new'));
    const isSamePerson = row.kind === 'message' && before?.kind === 'message' && before.from === row.from && Boolean(before.to) === Boolean(row.to);
    element.classList.toggle('grouped', isSamePerson && between.length === 0);
    before = row;
    return [...between, element];
  });
}

function dayOf(at) {
  return new Date(at).toDateString();
}

const separators = { day: new WeakMap(), new: new WeakMap() };

function separator(row, kind) {
  const known = separators[kind].get(row);
  if (known) return known;
  const element = withClass(`separator ${kind}`, document.createElement('p'));
  element.append(kind === 'new' ? phrase('new_since') : make('span', new Date(row.at).toLocaleDateString(language, { dateStyle: 'full' })));
  separators[kind].set(row, element);
  return element;
}

// The element of a row. An own message goes from waiting to delivered: it is filled again when it got further.
function elementOf(row) {
  const element = elements.get(row) ?? document.createElement('div');
  if (!elements.has(row)) (row.kind === 'message' ? fillMessage : fillNotice)(element, row);
  else if (row.kind === 'message' && isOutdated(element, row)) fillMessage(element, row);
  elements.set(row, element);
  rowsOf.set(element, row);
  return element;
}

function isOutdated({ dataset }, { state: how, portions = 1, removed }) {
  return dataset.state !== (how ?? undefined) || dataset.portions !== String(portions) || (removed && !('removed' in dataset));
}

// One row for a message; `state` is how far an own one has come…
function fillMessage(element, row) {
  const { from, to, at, text, state: how, refusal, ref, portions = 1, removed } = row;
  element.className = 'message';
  element.classList.toggle('own', how !== null);
  element.classList.toggle('private', Boolean(to));
  const name = withClass('from', make('bdi', from));
  colour(name, from);
  const words = withClass('text', document.createElement('div'));
  words.dir = 'auto';  // Arabic and Hebrew begin on the right
  const shown = beginning(text, portions);
  words.append(...removed ? [phrase('removed')] : partsOf(shown.text).map(partElement));
  element.toggleAttribute('data-removed', removed === true);
  words.classList.toggle('cut', shown.left > 0 && portions === 1);
  element.dataset.portions = portions;
  const stamp = withClass('stamp', document.createElement('span'));
  if (at) stamp.append(time(at), ' ');
  if (how !== null) {
    element.dataset.state = how;
    const mark = withClass('mark', document.createElement('span'));
    mark.append(phrase(`mark_${how}`));
    stamp.append(mark);
  }
  element.replaceChildren(name, words, stamp, ...shown.left > 0 ? [moreButton(shown.left)] : []);
  if (refusal) element.append(refusalOf(refusal, ref));
  for (const add of additions) add(element, row);
}

// Never innerHTML: whatever a message says, it becomes text.
function partElement({ kind, text }) {
  if (kind === 'text') return text;
  const element = make({ code: 'code', block: 'pre', link: 'a' }[kind], text);
  if (kind !== 'link') return element;
  element.href = text;
  element.target = '_blank';
  element.rel = 'noopener noreferrer';
  return element;
}

function moreButton(left) {
  const more = withClass('link more', write(make('button', ''), 'show_more', { left }));
  more.type = 'button';
  return more;
}

function refusalOf({ key, values }, ref) {
  const refusal = withClass('refusal', document.createElement('p'));
  const takeBack = withClass('link', write(make('button', ''), 'take_back'));
  takeBack.type = 'button';
  takeBack.dataset.takeBack = ref;
  refusal.append(phrase(key, values), ' ', takeBack);
  return refusal;
}

// …and one for everything that is not a message.
function fillNotice(element, { type, at, parts }) {
  element.className = type === 'gap' ? 'notice gap' : 'notice';
  element.dataset.type = type;
  const line = document.createElement('span');
  line.append(...withSpaces(parts.map(({ key, values, code }) => code === undefined ? phrase(key, values) : make('code', code))));
  element.append(line);
  if (at) element.append(time(at));
}

function drawNewest() {
  const newest = find('newest');
  newest.hidden = state.shown.unseen === 0;
  show(newest, 'newest', { count: state.shown.unseen });
}

// The threads above the log, once there is more than the talk with everybody, and how much is unread.
function drawChips() {
  find('threads').hidden = state.threads.size === 1;
  let unread = 0;
  for (const thread of state.threads.values()) {
    const { chip } = views.get(thread);
    const isEverybody = thread === everybody;
    unread += thread.unread;
    chip.setAttribute('aria-pressed', thread === state.shown);
    const key = JSON.stringify([thread.name, thread.unread]);
    if (chip.dataset.drawn === key) continue;
    chip.dataset.drawn = key;
    chip.dataset.thread = thread.name;
    chip.className = isEverybody ? '' : 'private';
    chip.replaceChildren(...isEverybody ? [phrase('everybody')] : [lock(), make('bdi', thread.name)], ...thread.unread > 0 ? unreadBadge(thread.unread) : []);
  }
  document.title = unread === 0 ? 'websocket-classroom' : `(${unread}) websocket-classroom`;
}
