// What the teacher's room adds to the page: what holds for the class now, the raised hands, the marks and menus beside names, and for a
// teacher the buttons for the whole class. It reads the state and changes none of it.

import { find, withClass } from '../draw/elements.js';
import { rowOf } from '../draw/log.js';
import { isOpen, state } from '../state.js';
import { language, make, phrase, plain, show } from '../words.js';
import { hasItems, menuButton, placeTabStop, relabel } from './menu.js';
import { button, label, sign, teachersMark, withId } from './parts.js';
import { authorOf, hasRaised, isTeacher, room } from './room.js';

const buttons = new WeakMap();  // of each message and person
let drawnHands = [];
let focused = null;             // what had the focus last: a message that is filled again loses it

addEventListener('focusin', ({ target }) => { focused = target; });

// Made once; what is in them changes.
export function setUp() {
  const now = withId('now', document.createElement('div'));
  const banner = withId('listen-banner', document.createElement('p'));
  banner.setAttribute('role', 'status');
  const hands = withId('hands', document.createElement('div'));
  const list = document.createElement('ol');
  label(list, 'hands');
  hands.append(sign('hand'), list);
  const told = withClass('spoken', withId('hand-told', document.createElement('p')));
  told.setAttribute('role', 'status');
  now.append(banner, hands, told);
  document.querySelector('.chat').prepend(now);

  const hand = withId('hand', document.createElement('button'));
  hand.type = 'button';
  hand.append(sign('hand'), ' ', phrase('raise_hand'));
  find('notify').after(hand);

  const panel = withId('class-panel', document.createElement('section'));
  const toggles = withClass('class-buttons', document.createElement('div'));
  toggles.append(withId('listen', button('listen')), withId('lock', button('lock')), withId('clear-talk', button('clear_ask')));
  panel.append(phrase('class_title'), toggles, restrictedList('muted', 'muted_title'), restrictedList('expelled', 'expelled_title'));
  panel.firstElementChild.id = 'class-title';
  panel.setAttribute('aria-labelledby', 'class-title');
  find('find-person').before(panel);
  draw();
}

function restrictedList(id, title) {
  const box = withClass('restricted', document.createElement('div'));
  const list = withId(id, document.createElement('ul'));
  box.append(withClass('hint', phrase(title)), label(list, title));
  return box;
}

export function draw() {
  drawNow();
  drawHand();
  drawClass();
  for (const element of document.querySelectorAll('#log .message')) decorateMessage(element, rowOf(element));
  for (const item of find('people').children) decoratePerson(item, item.dataset.name);
}

// For everybody, above the talk.
function drawNow() {
  const banner = find('listen-banner');
  const key = !room.listen ? null : room.isTeacher ? 'listening_to_you' : 'listening';
  show(banner, key);
  if (key !== null && banner.querySelector('.sign') === null) banner.prepend(sign('ear'), ' ');
  const hands = find('hands');
  hands.hidden = room.hands.length === 0;
  const list = hands.lastElementChild;
  const drawn = JSON.stringify([room.hands, room.isTeacher, state.you, language]);
  if (list.dataset.drawn === drawn) return;
  list.dataset.drawn = drawn;
  tellOfHands();
  list.replaceChildren(...room.hands.map((name, index) => {
    const item = document.createElement('li');
    item.dataset.name = name;
    item.classList.toggle('own', name === state.you);
    item.append(make('b', `${index + 1}.`), ' ', make('bdi', name));
    if (room.isTeacher) item.append(' ', undoButton(make('span', '✕'), 'lower_hand_of', name));
    return item;
  }));
  // What can be scrolled can be reached by the keyboard.
  hands.tabIndex = hands.scrollHeight > hands.clientHeight ? 0 : -1;
}

// A teacher who does not see the list is told of each new hand.
function tellOfHands() {
  const raised = room.hands.filter((name) => !drawnHands.includes(name)).at(-1);
  drawnHands = room.hands;
  show(find('hand-told'), room.isTeacher && raised !== undefined ? 'hand_raised' : null, { name: raised });
}

// A button whose label says which person it is about.
function undoButton(text, key, name) {
  const undo = withClass('undo', document.createElement('button'));
  undo.append(text);
  undo.type = 'button';
  undo.setAttribute('aria-label', plain(key, { name }));
  undo.title = plain(key, { name });
  undo.dataset.of = name;
  return undo;
}

function drawHand() {
  const hand = find('hand');
  hand.hidden = room.isTeacher;
  hand.disabled = !isOpen();
  const isUp = hasRaised(state.you);
  hand.classList.toggle('up', isUp);
  show(hand.lastElementChild, isUp ? 'lower_hand' : 'raise_hand');
}

function drawClass() {
  const panel = find('class-panel');
  panel.hidden = !room.isTeacher;
  for (const id of ['listen', 'lock', 'clear-talk']) find(id).disabled = !isOpen();
  find('listen').setAttribute('aria-pressed', room.listen);
  find('lock').setAttribute('aria-pressed', room.locked);
  for (const [id, names, undo] of [['muted', room.muted, 'unmute_of'], ['expelled', room.expelled, 'readmit_of']]) {
    const list = find(id);
    list.parentElement.hidden = names.length === 0;
    const key = JSON.stringify([names, language]);
    if (list.dataset.drawn === key) continue;
    list.dataset.drawn = key;
    list.replaceChildren(...names.map((name) => {
      const item = document.createElement('li');
      item.append(make('bdi', name), ' ', undoButton(phrase('allow'), undo, name));
      return item;
    }));
  }
}

export function decorateMessage(element, row) {
  const from = element.querySelector('.from');
  if (row.teacher && from.querySelector('.teachers-mark') === null) from.append(teachersMark());
  const wants = room.isTeacher && row.id !== undefined && hasItems(row, authorOf(row));
  decorate(element, element.querySelector('.stamp'), wants, row.from);
  if (wants) placeTabStopSoon();
}

export function decoratePerson(item, name) {
  const mark = item.querySelector('.teachers-mark');
  if (!isTeacher(name)) mark?.remove();
  else if (mark === null) item.append(teachersMark());
  decorate(item, item, room.isTeacher && name !== state.you && !isTeacher(name), name);
}

// The button of its menu, if it is to have one.
function decorate(element, place, wants, name) {
  const known = buttons.get(element);
  if (!wants) {
    known?.remove();
    buttons.delete(element);
    return;
  }
  const dots = known ?? menuButton(name);
  buttons.set(element, dots);
  relabel(dots, name);
  if (dots.parentElement === place) return;
  if (element.matches('.message')) dots.tabIndex = -1;
  place.append(dots);
  if (dots === focused && document.activeElement === document.body) dots.focus({ preventScroll: true });
}

let isPlanned = false;

function placeTabStopSoon() {
  if (isPlanned) return;
  isPlanned = true;
  queueMicrotask(() => {
    isPlanned = false;
    placeTabStop();
  });
}
