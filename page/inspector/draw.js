// What is drawn when: the chosen line, its state, and the teacher's view of the class. Frames may come by the thousand: they are
// drawn together, once a frame of the screen, and only the latest.

import { find, inFrames, reconcile, withClass } from '../draw/elements.js';
import { connectAgain } from '../connection.js';
import { state } from '../state.js';
import { duration, inSeconds } from '../time.js';
import { clear, closeKey, language, make, phrase, plain, write } from '../words.js';
import { drawClose, drawTotals } from './close.js';
import { isMachineMade } from './decode.js';
import { classFeed, latestOwnLine, lineState, ownFeed, view } from './feed.js';
import { cell, drawFrames, sayings } from './frames.js';
import { drawHandshake } from './handshake.js';

const DRAWING_EVERY = 600;   // milliseconds between two drawings: painting is what costs most
const LANES_DRAWN = 60;      // connections of the class that are drawn
const LANES_EVERY = 250;     // milliseconds between two drawings of the class
const SILENT_FROM = 60;      // seconds: then a lane says how long nothing was said
const LINES_OFFERED = 5;     // connections in the list to choose from

// What is loaded later draws the line, too.
export const more = [];

let lanesDrawnAt = -Infinity;
let isForced = false;        // what is frozen is drawn all the same
export let drawnLine = null; // the line whose frames are on the screen

const plan = inFrames(DRAWING_EVERY, drawInspector);

export function planInspector() {
  if (view.isOpen) plan();
}

// Everything is to be drawn again.
export function redrawAll() {
  drawnLine = null;
  lanesDrawnAt = -Infinity;
  planInspector();
}

// The same at once: also while the view is frozen or closed.
export function redrawNow() {
  redrawAll();
  isForced = true;
  plan();
}

// The feed whose lines can be chosen.
export function shownFeed() {
  return view.recorded ?? (view.wholeClass ? classFeed : ownFeed);
}

// The line that is looked at.
export function shownLine() {
  if (view.recorded !== null) return view.chosenLine ?? [...view.recorded.lines.values()].at(-1);
  return view.chosenLine ?? latestOwnLine();
}

// What is played has changed.
export function redrawSteps() {
  const line = shownLine();
  if (line) line.changed = true;
  planInspector();
}

function drawInspector() {
  drawFeedNote();
  if (view.holding && !isForced) return;
  isForced = false;
  if (view.wholeClass) drawLanes();
  else find('lanes').replaceChildren();
  const line = shownLine();
  drawChoice(line);
  const isNew = line !== drawnLine;
  if (line === undefined || !(isNew || line.changed)) return;
  drawnLine = line;
  line.changed = false;
  drawTrack(line);
  for (const drawMore of more) drawMore(line, isNew);
  if (isNew || line.drawnHandshake !== (line.opened ?? line.refused ?? line.exchanged)) drawHandshake(line);
  drawFrames(line, isNew);
  drawTotals(line);
  drawClose(line);
}

function drawFeedNote() {
  const note = find('feed-note');
  const opened = latestOwnLine()?.opened;
  const late = opened?.late && view.chosenLine === null;
  const isOff = ownFeed.socket === null && state.hasAccounts !== null;
  const key = view.recorded !== null ? '' : view.wholeClass && classFeed.refused ? 'class_refused' : state.nobody ? 'feed_nobody' : isOff ? 'feed_off' : ownFeed.lines.size === 0 ? 'feed_waiting' : late ? 'feed_late' : '';
  if (note.dataset.key === key) return;
  note.dataset.key = key;
  clear(note);
  if (key === '') return;
  note.append(phrase(key, { bytes: opened?.sent }));
  if (key !== 'feed_late') return;
  const again = write(make('button', ''), 'feed_restart');
  again.type = 'button';
  again.className = 'link';
  again.addEventListener('click', connectAgain);
  note.append(' ', again);
}

// The select lists the lines that can be looked at; what a line is called may change.
function drawChoice(line) {
  const select = find('lines');
  const lines = [...shownFeed().lines.values()].slice(view.recorded ? 0 : -LINES_OFFERED);
  if (line !== undefined && !lines.includes(line)) lines.unshift(line);
  const key = JSON.stringify([language, line?.conn, ...lines.map((each) => [each.conn, lineTitle(each)])]);
  if (select.dataset.key === key) return;
  select.dataset.key = key;
  select.replaceChildren(...lines.map((each) => {
    const option = make('option', plain('line_option', { conn: each.conn, what: lineTitle(each) }));
    option.value = each.conn;
    option.selected = each === line;
    return option;
  }));
  find('whole-class').hidden = classFeed.key === null;
}

function lineTitle(line) {
  if (line.refused) return plain('line_refused', { status: line.refused.status });
  if (line.exchanged) return `${line.exchanged.status} ${line.exchanged.request.split(' ').slice(0, 2).join(' ')}`;
  if (line.endpoint === 'echo') return plain('line_echo');
  return line.name ?? '…';
}

function drawTrack(line) {
  const now = lineState(line);
  const times = {
    connecting: 0,
    open: line.opened?.answered_us,
    closing: line.closing?.us,
    closed: line.closed?.us ?? (line.refused ?? line.exchanged)?.answered_us,
  };
  let isPast = true;
  for (const step of find('track').children) {
    const isNow = step.dataset.step === now;
    const time = times[step.dataset.step];
    if (isNow) isPast = false;
    step.className = isPast && time !== undefined ? 'past' : '';
    if (isNow) step.setAttribute('aria-current', 'step');
    else step.removeAttribute('aria-current');
    step.querySelector('small').textContent = time === undefined ? '' : `${inSeconds(time)} s`;
  }
}

// The teacher's view: a lane for each connection, by person.
function drawLanes() {
  const now = performance.now();
  if (now - lanesDrawnAt < LANES_EVERY) return void setTimeout(planInspector, LANES_EVERY);
  lanesDrawnAt = now;
  const box = find('lanes');
  const lines = [...classFeed.lines.values()];
  // Those who are here first, by name; then who left or was refused, the latest first.
  const isOver = (line) => Boolean(line.closed || line.refused);
  const here = lines.filter((line) => !isOver(line)).sort((one, other) => lineTitle(one).localeCompare(lineTitle(other), language));
  const drawn = [...here, ...lines.filter(isOver).reverse()].slice(0, LANES_DRAWN);
  const old = new Map([...box.children].map((lane) => [Number(lane.dataset.conn), lane]));
  const lanes = drawn.map((line) => old.get(line.conn) ?? newLane(line));
  drawn.forEach((line, index) => drawLane(lanes[index], line));
  reconcile(box, lanes);
  const note = find('lanes-note');
  note.replaceChildren(phrase(lines.length === 0 ? 'no_lanes' : 'lanes_private'));
  if (lines.length > drawn.length) note.append(' ', phrase('lanes_more', { count: lines.length - drawn.length }));
}

function newLane(line) {
  const lane = document.createElement('button');
  lane.type = 'button';
  lane.className = 'lane';
  lane.dataset.conn = line.conn;
  return lane;
}

function drawLane(lane, line) {
  lane.dataset.state = lineState(line);
  lane.setAttribute('aria-pressed', line === view.chosenLine);
  const { client, server } = line.totals;
  const latest = line.rows.filter((row) => row.type === 'frame').at(-1);
  const text = withClass('latest', make('span', ''));
  if (latest?.hidden) text.append(phrase(latest.removed ? 'removed' : 'hidden_text'));
  else if (latest) text.append(latest.from === 'client' ? '→ ' : '← ', ...sayings(latest));
  const facts = make('span', `${line.conn} · ${lane.dataset.state.toUpperCase()} · `);
  facts.append(phrase('lane_frames', { out: client.frames, in: server.frames }));
  lane.replaceChildren(cell('lane-name', line.refused ? `HTTP ${line.refused.status}` : lineTitle(line)), text, ...laneStory(line), facts);
}

// How it ended or why it never began; of those who are here, for how long they have been silent.
function laneStory(line) {
  const { refused, closed } = line;
  if (refused) return [make('span', refused.why ?? refused.response.split('\r\n\r\n')[1]?.trim() ?? '')];
  if (closed) {
    const how = make('span', `${closed.code} · `);
    how.append(phrase(closeKey(closed.code)));
    return [how];
  }
  const spoke = line.rows.findLast((row) => row.type === 'frame' && row.from === 'client' && !isMachineMade(row));
  if (!spoke || !line.opened) return [];
  const seconds = Math.floor((Date.now() - Date.parse(line.opened.at) - spoke.us / 1000) / 1000);
  return seconds < SILENT_FROM ? [] : [phrase('lane_silent', { duration: duration(seconds * 1000) })];
}
