// The small parts that all drawing is made of. Nothing here knows the state.

import { language, make, phrase } from '../words.js';
import { clockTime } from '../time.js';

export const find = (id) => document.getElementById(id);

const LATEST = 100;  // milliseconds: a tab in the background gets no frames, and is drawn by the clock

// A function that plans `draw` for the next frame of the screen; but `rest` milliseconds after the last one, at the earliest: what
// comes alone is drawn at once, and what comes by the hundred is drawn together.
export function inFrames(rest, draw) {
  let isPlanned = false;
  let drawnAt = -Infinity;
  const soon = () => {
    let isDone = false;
    const now = () => {
      if (isDone) return;
      isDone = true;
      isPlanned = false;
      drawnAt = performance.now();
      draw();
    };
    requestAnimationFrame(now);
    setTimeout(now, LATEST);
  };
  return () => {
    if (isPlanned) return;
    isPlanned = true;
    const wait = drawnAt + rest - performance.now();
    if (wait <= 0) soon();
    else setTimeout(soon, wait);
  };
}

// Makes the children of `box` exactly these elements, in this order. What stays is not touched: a name that is just being
// pressed must not go from under the mouse, and a screen reader reads only what is new.
export function reconcile(box, elements) {
  const wanted = new Set(elements);
  for (const child of [...box.children]) if (!wanted.has(child)) child.remove();
  let next = box.firstElementChild;
  for (const element of elements) {
    if (element === next) next = next.nextElementSibling;
    else box.insertBefore(element, next);
  }
}

// The same name has the same colour in every browser. The golden angle keeps similar names apart.
export function colour(element, name) {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) % 65_536;
  element.style.setProperty('--hue', Math.round(hash * 137.508) % 360);
}

export function time(at) {
  const element = make('time', clockTime(at, language));
  element.dateTime = at;
  element.title = new Date(at).toLocaleString(language, { dateStyle: 'full', timeStyle: 'medium' });
  return element;
}

// Writes only what is new: a screen reader reads what is written again.
export function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

export function withSpaces(parts) {
  return parts.flatMap((part, index) => index === 0 ? [part] : [' ', part]);
}

export function withClass(name, element) {
  element.className = name;
  return element;
}

export function lock() {
  return withClass('lock', document.createElement('span'));
}

// A count that is also read aloud.
export function unreadBadge(count) {
  return [withClass('unread', make('span', count)), ' ', withClass('spoken', phrase('unread'))];
}

// A list that is one stop for the tabulator: inside, the arrow keys go from item to item.
export function rove(list, items) {
  list.addEventListener('keydown', (event) => {
    const all = [...list.querySelectorAll(items)];
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined || all.length === 0) return;
    event.preventDefault();
    all[Math.max(0, Math.min(all.length - 1, to))].focus();
  });
}
