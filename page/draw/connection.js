// The connection as it is seen: its state in words, the wire with its sparks, the buttons, the step of the lesson.

import { isClosed, isTakenOver, mayInspect, readyState, state } from '../state.js';
import { duration, rounded } from '../time.js';
import { closeKey, closeSentences, language, make, phrase, reasonIn, show } from '../words.js';
import { find, time, withClass, withSpaces } from './elements.js';

const stillness = matchMedia('(prefers-reduced-motion: reduce)');
const SPARK_EVERY = 1_000;  // milliseconds: animation is dear without a graphics card
let isSparking = false;
let drawnStory = '';

export function drawConnection() {
  const now = readyState();
  const line = find('state');
  const story = sentences();
  // The line is a status: what is written again is read aloud again.
  const key = JSON.stringify([now, story]);
  if (key !== drawnStory) {
    drawnStory = key;
    const parts = story.map(([sentence, values]) => phrase(sentence, values));
    line.dataset.state = now;
    delete line.dataset.code;
    if (now === 'closed' && state.end) line.dataset.code = state.end.code;
    line.replaceChildren(...withSpaces(now === 'none' ? parts : [stateName(now), ...parts]));
  }
  show(find('apart'), state.stopped);
  find('message-hint').hidden = now === 'open' || isTakenOver();
  show(find('message-hint'), state.staying ? 'offline_hint' : 'left_offline_hint');
  // The field stays usable without a connection; only a tab that is nobody any more has nothing to say.
  find('message').disabled = find('send').disabled = isTakenOver();
  find('people-panel').classList.toggle('stale', now !== 'open');
  document.body.classList.toggle('unknown', !state.asked);
  for (const element of document.querySelectorAll('[data-needs-inspector]')) element.hidden = !mayInspect();
  drawStep(now);
  drawLastClose();
  drawButtons();
  drawClock();
}

function stateName(now) {
  const name = withClass('ready-state', make('code', now.toUpperCase()));
  name.append(' ', make('small', `readyState ${state.socket.readyState}`));
  return name;
}

// What is to be said about the state, as keys with their values.
function sentences() {
  const { nobody, end } = state;
  if (nobody && isClosed() && end?.code !== 4500) return [['state_nobody']];
  const now = readyState();
  if (now === 'open' && state.silentFor !== null) return [['state_silent', { seconds: state.silentFor }]];
  if (now !== 'closed') return now === 'none' ? [] : [[`state_${now}`]];
  return end === null ? [] : explainClose(end);
}

function explainClose({ code, reason, wasClean, isGivenUp }) {
  const byUs = state.closingSince !== null;
  if (isGivenUp) return [[state.openSince === null ? 'given_up_handshake' : 'given_up']];
  if (state.openSince === null) return [[byUs ? 'closed_before_open' : state.hasAnswered ? 'failed_but_http' : 'failed_no_answer']];
  const byYou = wasClean ? 'closed_by_you' : 'closed_by_you_unanswered';
  const byOther = wasClean ? 'closed_by_server' : 'closed_by_nobody';
  const parts = [['state_closed', { code }], [closeKey(code)], [byUs ? byYou : byOther]];
  const why = reasonIn(reason);
  if (why) parts.push([why.key, why.values]);
  else if (reason) parts.push(['closed_reason', { reason }]);
  if (isTakenOver()) parts.push(['taken_over', { name: state.you }]);
  return parts;
}

// The step of the lesson we are in. A connection that never opened got no further than the handshake.
function drawStep(now) {
  const steps = { none: 'step-handshake', connecting: 'step-handshake', open: 'step-conversation', closing: 'step-close', closed: 'step-close' };
  const current = now === 'closed' && state.openSince === null ? 'step-handshake' : steps[now];
  for (const step of document.querySelectorAll('.steps li')) {
    if (step.id === current) step.setAttribute('aria-current', 'step');
    else step.removeAttribute('aria-current');
  }
  const { connectingSince, openSince, closingSince, closedSince } = state;
  if (openSince !== null) show(find('handshake-fact'), 'handshake_fact', { milliseconds: rounded(openSince - connectingSince) });
  if (closedSince !== null && closingSince !== null) show(find('close-fact'), 'close_fact', { milliseconds: rounded(closedSince - closingSince) });
}

// What the last close was stays until the next one.
function drawLastClose() {
  const line = find('last-close');
  const key = JSON.stringify([state.lastClose, language]);
  line.hidden = state.lastClose === null;
  if (line.hidden || line.dataset.drawn === key) return;
  line.dataset.drawn = key;
  const parts = closeSentences(state.lastClose).map(({ key: sentence, values, code }) => code === undefined ? phrase(sentence, values) : make('code', code));
  line.replaceChildren(...withSpaces([phrase('last_close'), ...parts, time(state.lastClose.at)]));
}

function drawButtons() {
  const { staying, preparing, nobody, hasAccounts } = state;
  const isWaiting = state.retryAt !== null;
  const retry = find('retry');
  const leave = find('leave');
  retry.hidden = !(isClosed() && staying) || preparing || nobody;
  leave.hidden = (isClosed() && staying && !isWaiting && !preparing) || nobody;
  leave.disabled = readyState() === 'closing';
  show(retry, !isTakenOver() ? 'try_now' : hasAccounts ? 'join_here_too' : 'join_anew');
  show(leave, !staying ? 'join' : isWaiting ? 'stop_trying' : 'leave');
}

// What changes by itself as time goes by: called several times a second.
export function drawClock() {
  const now = performance.now();
  const { staying, preparing, nobody, retryAt, openSince, closedSince, sent, received } = state;
  const countdown = find('countdown');
  if (!isClosed() || preparing || nobody) show(countdown, null);
  else if (!staying) show(countdown, 'left_hint');
  else if (retryAt === null) show(countdown, 'no_retry');
  else show(countdown, 'retry_in', { seconds: Math.max(0, Math.ceil((retryAt - now) / 1000)) });

  if (openSince === null) return;
  const lasted = duration((closedSince ?? now) - openSince);
  show(find('conversation-fact'), 'conversation_fact', { duration: lasted, sent, received });
}

// A spark runs along the wire for a message: out to the server or in from it. One at a time is enough.
export function spark(direction) {
  if (stillness.matches || document.hidden || isSparking) return;
  isSparking = true;
  const way = [{ left: '10%', opacity: 1 }, { left: '90%', opacity: 1 }];
  document.querySelector('.spark').animate(direction === 'out' ? way : way.reverse(), { duration: 400, easing: 'steps(12)' });
  setTimeout(() => { isSparking = false; }, SPARK_EVERY);
}
