// What you type and press: it changes the state, or asks the connection for something.

import { beginAgain, signIn, signOut } from './accounts.js';
import { askNow, connect, join, leave, pause, send } from './connection.js';
import { find } from './draw/elements.js';
import { rowOf } from './draw/log.js';
import { rememberPlace } from './events.js';
import { WAITING_KEPT } from './outbox.js';
import { closeOnNarrow, narrow, showPanel } from './panels.js';
import { post, tellTyping } from './sending.js';
import { announce, isOpen, isTakenOver, on, problem, remember, state } from './state.js';
import { lookAway, nowRead, openThread, removeRow, showThread } from './threads.js';
import { speak } from './words.js';

const NEAR_THE_END = 40;  // pixels: so close to the newest row counts as being there

const log = find('log');
const messageInput = find('message');
const nameInput = find('name');
const accountInput = find('account');
const passwordInput = find('password');

// Messages

find('compose').addEventListener('submit', (event) => {
  event.preventDefault();
  const { shown, outbox } = state;
  const text = shown.draft;
  if (text.trim() === '') return;
  if (outbox.isTooLong(shown.name, text)) return problem('message', 'error_too_long', { limit: outbox.limits.message });
  if (outbox.isFull) return problem('message', 'too_many_waiting', { count: WAITING_KEPT });
  shown.draft = '';
  shown.following = true;
  shown.unseen = 0;
  lookAway(shown);
  state.toldTyping = -Infinity;
  problem('message', null);
  post(shown, text);
  announce('own');
});

messageInput.addEventListener('input', () => {
  state.shown.draft = messageInput.value;
  tellTyping();
});

// Enter sends, Shift+Enter begins a line. While an input method composes (Japanese, Chinese…), Enter chooses a character and must not
// send. Safari reports that Enter as no longer composing, but with the key code 229.
messageInput.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  find('compose').requestSubmit();
});

log.addEventListener('click', ({ target }) => {
  if (target.closest('.more')) {
    const row = rowOf(target);
    row.portions = (row.portions ?? 1) + 1;
    state.shown.changes += 1;
    return announce('own');
  }
  const { takeBack } = target.closest('[data-take-back]')?.dataset ?? {};
  if (takeBack === undefined) return;
  const { shown } = state;
  const row = shown.rows.find(({ ref }) => ref === takeBack);
  shown.draft = [row.text, shown.draft].filter(Boolean).join(' ');
  removeRow(shown, row);
  announce('own');
  messageInput.focus();
});

log.addEventListener('scroll', () => {
  const { shown } = state;
  shown.scrolledTo = log.scrollTop;
  const wasFollowing = shown.following;
  shown.following = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_THE_END;
  if (wasFollowing && !shown.following) lookAway(shown);
  if (shown.following) shown.unseen = 0;
  announce('chat');
});

find('newest').addEventListener('click', () => { log.scrollTop = log.scrollHeight; });

// A phone's keyboard, a turned screen, an opened panel: whoever was at the newest row stays there.
new ResizeObserver(() => { if (state.shown.following) log.scrollTop = log.scrollHeight; }).observe(log);

// A wish for desktop notifications; where there are none, it is not offered.
const notify = find('notify');
const mayNotify = 'Notification' in window && isSecureContext;
notify.hidden = !mayNotify || Notification.permission === 'denied' || state.notifies;
if (mayNotify && state.notifies) import('./notify.js');
notify.addEventListener('click', async () => { notify.hidden = await (await import('./notify.js')).allow(); });

// Threads and people

find('threads').addEventListener('click', ({ target }) => {
  const chip = target.closest('button');
  if (chip) showThread(openThread(chip.dataset.thread));
});

find('people').addEventListener('click', ({ target }) => {
  const button = target.closest('button');
  if (!button || button.hasAttribute('aria-haspopup')) return;  // a menu is no name
  showThread(openThread(button.parentElement.dataset.name));
  closeOnNarrow('people-panel');
  messageInput.focus();
});

find('find-person').addEventListener('input', ({ currentTarget }) => {
  state.search = currentTarget.value.trim();
  announce('chat');
});

// Enter writes to the one that was found. Beyond the names that the page knows, the server knows more: then to the name as it stands.
find('find-person').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.isComposing || state.search === '') return;
  const found = [...find('people').children].find((item) => item.dataset.name !== state.you)?.dataset.name;
  const name = found ?? (state.count > state.people.length ? state.search : null);
  if (name === null) return;
  showThread(openThread(name));
  closeOnNarrow('people-panel');
  messageInput.focus();
});

document.addEventListener('visibilitychange', () => {
  if (document.hidden) lookAway(state.shown);
  nowRead();
});

// Your name

find('name-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const name = nameInput.value.trim();
  if (name === '') return;
  problem('name', null);
  if (isOpen()) return send({ type: 'name', name });
  state.chosenName = name;
  state.wishedName = true;
  remember('sessionStorage', 'name', name);
  problem('name', 'name_later');
});

find('change-name').addEventListener('click', () => {
  showPanel('people-panel', true);
  nameInput.focus();
  nameInput.select();
});

// Signing in

find('sign-in-form').addEventListener('submit', (event) => {
  event.preventDefault();
  hidePassword();
  signIn({ name: accountInput.value, password: passwordInput.value });
});

find('show-password').addEventListener('click', ({ currentTarget }) => {
  const isShown = passwordInput.type === 'text';
  passwordInput.type = isShown ? 'password' : 'text';
  currentTarget.setAttribute('aria-pressed', !isShown);
  passwordInput.focus();
});

function hidePassword() {
  passwordInput.type = 'password';
  find('show-password').setAttribute('aria-pressed', false);
}

// The wait may have been for another name.
accountInput.addEventListener('input', () => {
  state.signInAt = 0;
  announce('connection');
});

find('sign-out').addEventListener('click', signOut);

on('forms', () => {
  find('sign-in-form').reset();
  hidePassword();
});

on('person', () => { messageInput.value = nameInput.value = ''; });

on('focus', (id) => {
  if (id === 'message' && narrow.matches) return;  // a phone would open its keyboard
  find(id).focus();
  if (id === 'password') passwordInput.select();
});

document.addEventListener('visibilitychange', () => { if (state.nobody && !document.hidden) connect(); });

// The connection

find('leave').addEventListener('click', () => { state.staying ? leave() : join(); });

find('retry').addEventListener('click', () => { isTakenOver() ? beginAgain() : connect(); });

// The network is back: no reason to wait any longer. And what looks open may be dead: the computer may have another address now.
addEventListener('online', () => { state.retryAt === null ? askNow() : connect(); });
addEventListener('pageshow', askNow);
document.addEventListener('visibilitychange', () => { if (!document.hidden) askNow(); });

addEventListener('pagehide', ({ persisted }) => {
  rememberPlace();
  // The browser keeps this page, to be shown again at once ("back/forward cache"): it must not stay in the chat meanwhile.
  if (persisted) pause();
});

// The language

for (const button of document.querySelectorAll('[data-language]')) {
  button.addEventListener('click', () => {
    remember('localStorage', 'language', button.dataset.language);
    speak(button.dataset.language);
  });
}
