// "Make it happen": the server does to our own connection what a page cannot ask a browser for; the inspector shows what came of it.

import { connectAgain, send } from '../connection.js';
import { find } from '../draw/elements.js';
import { isOpen, on, state } from '../state.js';
import { inMilliseconds } from '../time.js';
import { clear, make, phrase, plain, write } from '../words.js';
import { closeCode, hexBytes } from './decode.js';
import { latestOwnLine } from './feed.js';

const DEMONSTRATIONS = ['ping', 'fragments', 'binary', 'close', 'drop', 'bad_frame', 'bad_utf8', 'pause', 'push', 'slow_handshake', 'slow_close'];
const ENDS = ['close', 'drop', 'bad_frame', 'bad_utf8'];  // those that end the connection
const CLOSE_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 3000, 4000, 4321, 4500];
const PAUSE_LASTS = 10_000;  // milliseconds for which the server reads nothing when asked to
const CLOCK_EVERY = 250;     // milliseconds between two drawings of what changes by itself

let running = null;          // what was asked for last, and what was seen of it

export function setUpDemonstrations() {
  for (const what of DEMONSTRATIONS) {
    const item = document.createElement('li');
    const button = write(make('button', ''), `happen_${what}`);
    button.type = 'button';
    button.dataset.what = what;
    const ask = document.createElement('div');
    ask.className = 'choose-code';
    ask.append(button);
    if (what === 'close') ask.append(closeCodes());
    const result = document.createElement('p');
    result.className = 'observed';
    result.id = `observed-${what}`;
    result.setAttribute('role', 'status');
    item.append(ask, write(make('p', ''), `expect_${what}`), result);
    button.addEventListener('click', () => demonstrate(what));
    find('happenings').append(item);
  }
  find('happenings').append(lengthButtons(), returnSwitch());
  on('shown', ({ what, count }) => observed(what, { count }));
  on('tapped', ({ line, event }) => observe(line, event));
  on('closed', ({ code }) => observeEnd(code));
  on('connection', drawDemonstrations);
  setInterval(drawDemonstrations, CLOCK_EVERY);
  drawDemonstrations();
}

// A message whose length takes 7, 16 or 64 bits: a heartbeat with something to carry, so that nobody else gets it.
function lengthButtons() {
  const item = document.createElement('li');
  item.className = 'wide';
  const box = document.createElement('div');
  box.className = 'choose-code';
  for (const [bits, bytes] of [[7, 100], [16, 1_000], [64, 65_536]]) {
    const button = write(make('button', ''), 'send_length', { bytes, bits });
    button.type = 'button';
    button.dataset.bits = bits;
    button.addEventListener('click', () => {
      const empty = JSON.stringify({ type: 'heartbeat', carry: '' }).length;
      send({ type: 'heartbeat', carry: 'x'.repeat(bytes - empty) });
    });
    box.append(button);
  }
  item.append(box, write(make('p', ''), 'expect_length'));
  return item;
}

// A class that looks at a close may want it to stay.
function returnSwitch() {
  const item = document.createElement('li');
  const label = document.createElement('label');
  const box = document.createElement('input');
  box.type = 'checkbox';
  box.id = 'no-return';
  box.addEventListener('change', () => { state.comesBack = !box.checked; });
  label.append(box, ' ', phrase('no_return'));
  item.append(label, write(make('p', ''), 'expect_no_return'));
  return item;
}

function closeCodes() {
  const select = document.createElement('select');
  select.id = 'close-code';
  select.dataset.label = 'close_code';
  select.setAttribute('aria-label', plain('close_code'));
  select.append(...CLOSE_CODES.map((code) => make('option', code)));
  return select;
}

export function demonstrate(what) {
  if (!isOpen()) return;
  running = { what, sent: null, fragments: 0, until: performance.now() + PAUSE_LASTS };
  clear(find(`observed-${what}`));
  find('inspect-frames').open = true;
  if (what === 'slow_handshake') {
    state.wantsSlowHandshake = true;
    return connectAgain();
  }
  send(what === 'close' ? { type: 'show', what, code: Number(find('close-code').value) } : { type: 'show', what });
}

function observed(what, values) {
  write(find(`observed-${what}`), ENDS.includes(what) ? 'observed_closed' : `observed_${what}`, values);
}

// What the wire shows of it.
function observe(line, event) {
  if (running === null || line !== latestOwnLine()) return;
  if (event.type !== 'frame') return;
  if (event.from === 'client' && event.kind === 'close') {
    const payload = hexBytes(event.plain);
    running.sent = payload.length < 2 ? 1005 : closeCode(payload);
    observeEnd();
  }
  if (event.from === 'client' && event.round_trip_us !== undefined && running.what === 'ping') observed('ping', { milliseconds: inMilliseconds(event.round_trip_us) });
  if (event.from === 'server' && (!event.fin || event.kind === 'continuation')) {
    running.fragments += 1;
    if (event.fin && running.what === 'fragments') observed('fragments', { count: running.fragments });
  }
}

// What JavaScript is told of it: the two differ, and that is the lesson. The feed may tell its part later.
function observeEnd(code) {
  if (running === null || !ENDS.includes(running.what)) return;
  running.heard = code ?? running.heard;
  if (running.heard === undefined) return;
  observed(running.what, { heard: running.heard, sent: running.sent ?? plain('nothing_sent') });
}

function drawDemonstrations() {
  for (const button of find('happenings').querySelectorAll('button')) button.disabled = !isOpen() || (button.dataset.bits === '64' && state.outbox.limits.message < 65_536);
  if (running?.what !== 'pause') return;
  const seconds = Math.ceil((running.until - performance.now()) / 1000);
  if (seconds > 0) return observed('pause', { seconds, count: state.outbox.size, bytes: state.socket.bufferedAmount ?? 0 });
  write(find('observed-pause'), 'observed_pause_over');
  running = null;
}
