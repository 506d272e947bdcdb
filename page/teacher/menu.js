// The menu of a message and of a person, for a teacher: a button with three dots, and what can be done. By mouse, touch and keyboard
// (arrow keys, Home, End, Escape), as the ARIA pattern of a menu button has it.

import { find } from '../draw/elements.js';
import { rowOf } from '../draw/log.js';
import { on, state } from '../state.js';
import { make, plain, write } from '../words.js';
import { askToExpel, askToRemove } from './ask.js';
import { withId } from './parts.js';
import { authorOf, command, hasRaised, isTeacher, room } from './room.js';

const MARGIN = 8;  // pixels that stay free at the window's edges

const menu = withId('teacher-menu', document.createElement('div'));
menu.setAttribute('role', 'menu');
menu.hidden = true;
document.body.append(menu);

let opener = null;  // the button whose menu is open

// The button at a message or a person; `name` is for its label.
export function menuButton(name) {
  const dots = make('button', '');
  dots.type = 'button';
  dots.className = 'menu-button';
  dots.setAttribute('aria-haspopup', 'menu');
  dots.setAttribute('aria-expanded', false);
  relabel(dots, name);
  return dots;
}

export function relabel(dots, name) {
  dots.dataset.of = name;
  dots.setAttribute('aria-label', plain('menu_of', { name }));
}

// What a teacher may do with a person.
function personItems(name) {
  if (name === null || name === state.you || isTeacher(name)) return [];
  const isMuted = room.muted.includes(name);
  const items = [{ key: isMuted ? 'unmute' : 'mute', does: () => command({ type: 'mute', name, on: !isMuted }) }];
  if (hasRaised(name)) items.push({ key: 'lower_hand', does: () => takeHandDown(name) });
  items.push({ key: 'expel_ask', does: (returnTo) => askToExpel(name, returnTo, (how) => command({ type: 'expel', name, ...how })) });
  return items;
}

export function takeHandDown(name) {
  command({ type: 'hand', name, on: false });
}

// Whether there is anything to do with a message by this person.
export function hasItems(row, author) {
  return !row.removed || personItems(author).length > 0;
}

function itemsOf(dots) {
  const message = dots.closest('.message');
  if (!message) return personItems(dots.dataset.of);
  const row = rowOf(message);
  const remove = { key: 'remove_ask', does: (returnTo) => askToRemove(row.from, returnTo, () => command({ type: 'remove', message: row.id })) };
  return [...row.removed ? [] : [remove], ...personItems(authorOf(row))];
}

function openMenu(dots, at = 0) {
  const items = itemsOf(dots);
  closeMenu();
  if (items.length === 0) return;
  opener = dots;
  menu.replaceChildren(...items.map(({ key, does }) => {
    const item = write(make('button', ''), key);
    item.type = 'button';
    item.tabIndex = -1;
    item.setAttribute('role', 'menuitem');
    item.addEventListener('click', () => {
      closeMenu(true);
      does(dots);
    });
    return item;
  }));
  menu.setAttribute('aria-label', dots.getAttribute('aria-label'));
  dots.setAttribute('aria-expanded', true);
  menu.hidden = false;
  place(dots.getBoundingClientRect());
  [...menu.children].at(at).focus();
}

// Below its button, or above where there is no room; always wholly in the window.
function place(button) {
  const { offsetWidth: width, offsetHeight: height } = menu;
  const left = Math.max(MARGIN, Math.min(button.right - width, innerWidth - width - MARGIN));
  const below = button.bottom + height + MARGIN <= innerHeight;
  menu.style.left = `${left}px`;
  menu.style.top = `${Math.max(MARGIN, below ? button.bottom : button.top - height)}px`;
}

export function closeMenu(focusesBack = false) {
  if (opener === null) return;
  const dots = opener;
  opener = null;
  menu.hidden = true;
  menu.replaceChildren();
  dots.setAttribute('aria-expanded', false);
  if (focusesBack) dots.focus();
}

menu.addEventListener('keydown', (event) => {
  const items = [...menu.children];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (event.key === 'Tab') return closeMenu(true);
  if (event.key === 'Escape') closeMenu(true);
  else if (to !== undefined) items.at(to % items.length).focus();
  else return;
  event.preventDefault();
  event.stopPropagation();
});

for (const box of ['log', 'people']) {
  find(box).addEventListener('click', ({ target }) => {
    const dots = target.closest('.menu-button');
    if (dots === null) return;
    if (dots === opener) closeMenu(true);
    else openMenu(dots);
  });
  find(box).addEventListener('keydown', (event) => {
    const dots = event.target.closest('.menu-button');
    if (dots === null) return;
    if (box === 'log' ? goTo(dots, event.key) : openBy(dots, event.key)) event.preventDefault();
  });
  find(box).addEventListener('scroll', () => closeMenu());
}
find('people-panel').addEventListener('scroll', () => closeMenu());
addEventListener('resize', () => closeMenu());
addEventListener('pointerdown', ({ target }) => {
  if (!menu.contains(target) && !target.closest?.('.menu-button')) closeMenu();
}, { capture: true });
for (const topic of ['room', 'thread', 'language', 'closed', 'removed']) on(topic, () => closeMenu(menu.contains(document.activeElement)));

function openBy(dots, key) {
  if (key !== 'ArrowDown' && key !== 'ArrowUp') return false;
  openMenu(dots, key === 'ArrowDown' ? 0 : -1);
  return true;
}

// All messages together are one stop for the tabulator, the newest; the arrow keys go from one to the next.
function goTo(dots, key) {
  const all = buttonsOfLog();
  const at = all.indexOf(dots);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[key];
  if (to === undefined) return false;
  all[Math.max(0, Math.min(all.length - 1, to))].focus();
  return true;
}

function buttonsOfLog() {
  return [...find('log').querySelectorAll(':scope > :not([hidden]) .menu-button')];
}

export function placeTabStop() {
  const stop = document.activeElement?.matches('#log .menu-button') ? document.activeElement : buttonsOfLog().at(-1);
  for (const dots of find('log').querySelectorAll('.menu-button[tabindex="0"]')) if (dots !== stop) dots.tabIndex = -1;
  if (stop) stop.tabIndex = 0;
}

find('log').addEventListener('focusin', placeTabStop);
on('thread', placeTabStop);
