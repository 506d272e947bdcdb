// Desktop notifications while the tab is hidden: off until asked for, one at a time, and never with what was written in private.
// Loaded only if somebody wants them.

import { on, problem, remember, state } from './state.js';
import { short } from './text.js';
import { plain } from './words.js';

const EVERY = 3_000;  // milliseconds between two of them
const SHOWN = 100;    // characters of a message

let notifiedAt = -Infinity;
let latest = null;    // the notification that may be on the screen, and the number of its message

// Asks the browser, which asks the person. Returns whether it is allowed.
export async function allow() {
  const isAllowed = await Notification.requestPermission() === 'granted';
  remember('localStorage', 'notify', isAllowed ? 'on' : 'off');
  state.notifies = isAllowed;
  if (!isAllowed) problem('message', 'notify_refused');
  return isAllowed;
}

on('heard', ({ id, from, text, isPrivate }) => {
  const now = performance.now();
  if (!state.notifies || !document.hidden || now - notifiedAt < EVERY) return;
  notifiedAt = now;
  const body = isPrivate ? plain('notify_private', { name: from }) : short(text, SHOWN);
  // The same tag: a new one takes the place of the last.
  const notification = new Notification(from, { body, tag: 'websocket-classroom' });
  notification.addEventListener('click', () => window.focus());
  latest = { id, notification };
});

// What was taken back stays on no screen.
on('removed', ({ id }) => {
  if (latest !== null && (id === undefined || id === latest.id)) latest.notification.close();
});
