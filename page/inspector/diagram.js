// The sequence diagram: two lifelines, browser and server, time running down, and an arrow for each thing that happened. The state of
// the browser's WebSocket is a band along its lifeline. A list for screen readers; only rows that are seen are painted.

import { find, reconcile, rove, setText } from '../draw/elements.js';
import { announce, on, state } from '../state.js';
import { duration, inMilliseconds } from '../time.js';
import { make, phrase, plain, show, write } from '../words.js';
import { more, redrawSteps, shownLine } from './draw.js';
import { ownFeed } from './feed.js';
import { advance, play, player, stop, visibleSteps } from './player.js';

const STEPS_DRAWN = 300;     // the latest
const QUOTE_SHOWN = 80;      // characters of what was said

let rows = new WeakMap();    // the list element of each step's event, by kind
let isFollowing = true;      // the newest step is in view

function drawDiagram(line, isNew) {
  const list = find('diagram');
  if (isNew) rows = new WeakMap();
  const exchange = line.opened ?? line.refused ?? line.exchanged;
  setText(find('diagram-browser'), exchange?.peer ?? '');
  // Where several servers share the chat, which of them this is.
  const server = state.features?.includes('redis') && ownFeed.server !== null ? ` · ${ownFeed.server}` : '';
  setText(find('diagram-server'), (exchange?.local ?? '') + server);
  const { steps, current, isPlaying } = visibleSteps(line);
  const drawn = steps.slice(-STEPS_DRAWN);
  let stateBefore = null;
  reconcile(list, drawn.map((step) => {
    const row = rowOf(step);
    row.toggleAttribute('data-turn', step.state !== stateBefore);
    stateBefore = step.state;
    row.classList.toggle('now', step === current);
    return row;
  }));
  if (isFollowing || isPlaying) list.scrollTop = list.scrollHeight;
  drawPlayer();
}

function rowOf(step) {
  const known = rows.get(step.source) ?? new Map();
  rows.set(step.source, known);
  if (!known.has(step.kind)) known.set(step.kind, newRow(step));
  return known.get(step.kind);
}

function newRow(step) {
  const { us, from, kind, key, values, quote, state, pause, isMachine } = step;
  const row = document.createElement('li');
  row.className = isMachine ? 'step machine' : 'step';
  row.dataset.kind = kind;
  row.dataset.state = state;
  if (from) row.dataset.from = from;
  if (pause !== null) {
    const gap = write(make('span', ''), 'story_pause', { duration: duration(pause / 1000) });
    gap.className = 'pause';
    row.append(gap);
  }
  const when = make('span', us === null ? '' : `${inMilliseconds(us)} ms`);
  when.className = 'when';
  const band = make('span', state.toUpperCase());
  band.className = 'band';
  const arrow = document.createElement('button');
  arrow.type = 'button';
  arrow.className = 'arrow';
  arrow.tabIndex = -1;
  if (quote) {
    const said = make('q', quote.length > QUOTE_SHOWN ? `${quote.slice(0, QUOTE_SHOWN)}…` : quote);
    said.dir = 'auto';
    arrow.append(said, ' ');
  }
  const words = phrase(key, values);
  words.className = 'words';
  arrow.append(words);
  arrow.addEventListener('click', () => announce('step-chosen', step));
  row.append(when, band, arrow);
  return row;
}

// What is played now, and the sentence about it.
function drawPlayer() {
  const { step, index, steps } = player;
  const isPlaying = step !== null;
  find('play-stop').hidden = find('play-next').hidden = !isPlaying;
  find('play-next').disabled = index >= steps.length - 1;
  const told = find('told');
  told.hidden = !isPlaying;
  if (!isPlaying) return;
  const before = steps[index - 1];
  show(told.children[0], `tell_${step.kind in TOLD ? TOLD[step.kind] : 'frame'}`);
  if (before && step.us !== null && before.us !== null) show(told.children[1], 'tell_took', { milliseconds: inMilliseconds(step.us - before.us) });
  else show(told.children[1], null);
}

function withId(id, element) {
  element.id = id;
  return element;
}

function button(id, key) {
  const element = write(withId(id, make('button', '')), key);
  element.type = 'button';
  return element;
}

function playerBar() {
  const bar = document.createElement('div');
  bar.className = 'player';
  const speed = withId('play-speed', document.createElement('select'));
  speed.dataset.label = 'play_speed';
  speed.setAttribute('aria-label', plain('play_speed'));
  speed.append(...[10, 100, 1000].map((slowness) => {
    const option = make('option', `1/${slowness}`);
    option.value = slowness;
    option.selected = slowness === player.slowness;
    return option;
  }));
  const told = withId('told', document.createElement('p'));
  told.setAttribute('role', 'status');
  told.hidden = true;
  told.append(document.createElement('span'), ' ', document.createElement('strong'));
  bar.append(
    button('play-handshake', 'play_handshake'), button('play-close', 'play_close'), button('play-all', 'play_all'), speed,
    button('play-next', 'play_next'), button('play-stop', 'play_stop'), told,
  );
  return bar;
}

// The two lifelines' names, with their addresses.
function heads() {
  const box = document.createElement('div');
  box.className = 'lifelines';
  for (const [id, key] of [['diagram-browser', 'lifeline_browser'], ['diagram-server', 'lifeline_server']]) {
    const head = document.createElement('p');
    head.append(write(make('b', ''), key), ' ', withId(id, make('code', '')));
    box.append(head);
  }
  return box;
}

// The sentence about each kind of step.
const TOLD = {
  tcp: 'tcp', request: 'request', response: 'response', close: 'close', fin: 'fin', reset: 'reset', abandoned: 'reset', failed: 'reset',
};

function setUpDiagram() {
  const section = document.createElement('details');
  section.id = 'inspect-diagram';
  section.open = true;
  const summary = document.createElement('summary');
  summary.append(write(make('h2', ''), 'diagram_title'));
  const list = withId('diagram', document.createElement('ol'));
  list.tabIndex = 0;
  list.dataset.label = 'diagram_title';
  list.setAttribute('aria-label', plain('diagram_title'));
  section.append(summary, playerBar(), heads(), list);
  find('inspect-handshake').before(section);
  list.addEventListener('scroll', () => {
    isFollowing = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  });
  rove(list, '.arrow');
}

// A step opens what the inspector has of it.
on('step-chosen', ({ kind, frame }) => {
  if (frame) return announce('frame-chosen', frame);
  const part = find(['fin', 'reset', 'abandoned', 'failed'].includes(kind) ? 'inspect-close' : 'inspect-handshake');
  part.open = true;
  part.scrollIntoView({ block: 'nearest' });
});

// Nothing of another person, and nothing of another line, is played.
on('person', () => {
  stop();
  find('diagram').replaceChildren();
});
on('line-chosen', stop);

setUpDiagram();
more.push(drawDiagram);

for (const part of ['handshake', 'close', 'all']) find(`play-${part}`).addEventListener('click', () => { if (shownLine()) play(shownLine(), part); });
find('play-next').addEventListener('click', () => advance(true));
find('play-stop').addEventListener('click', stop);
find('play-speed').addEventListener('change', ({ target }) => { player.slowness = Number(target.value); });
on('played', redrawSteps);
