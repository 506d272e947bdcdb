// "How late do I hear of it?": the same ten pieces of news by polling, long polling, server-sent events and WebSocket, at the same time.
// The server tells when each happened; what counts is how much later it is here.

import { send } from '../connection.js';
import { find, withClass } from '../draw/elements.js';
import { isOpen, on } from '../state.js';
import { percentile, rounded } from '../time.js';
import { make, plain, write } from '../words.js';
import { grouped } from './close.js';
import { shape } from './measure.js';

const PIECES = 10;
const POLL_EVERY = 1_000;  // milliseconds between two questions
const LONG_POLL = 10;      // seconds that a question may stay open
const PATIENCE = 15_000;   // milliseconds for a whole run
const WAYS = ['polling', 'long_polling', 'events', 'websocket'];

let run = null;            // what is measured now

function setUp() {
  const section = document.createElement('details');
  section.id = 'news';
  const summary = document.createElement('summary');
  summary.append(write(make('h2', ''), 'news_title'));
  const start = withClass('main', write(make('button', ''), 'news_run'));
  start.type = 'button';
  start.id = 'run-news';
  start.addEventListener('click', begin);
  const progress = withClass('hint', make('span', ''));
  progress.id = 'news-progress';
  progress.setAttribute('role', 'status');
  const result = document.createElement('div');
  result.id = 'news-result';
  section.append(summary, write(make('p', ''), 'news_intro', { seconds: POLL_EVERY / 1000 }), start, ' ', progress, result);
  find('measure').before(section);
}

function begin() {
  if (!isOpen() || run !== null) return;
  const nothing = () => ({ delays: new Map(), requests: 0, bytes: 0, connections: new Set() });
  run = { id: null, zero: 0, over: false, ways: Object.fromEntries(WAYS.map((way) => [way, nothing()])) };
  find('run-news').disabled = true;
  setTimeout(finish, PATIENCE, run);
  send({ type: 'show', what: 'news' });
}

on('event', (event) => {
  if (run === null || event.type !== 'shown' || event.what !== 'news') return;
  const now = performance.now();
  if (event.part === undefined) {
    // The server's clock at this moment: from here on both count the same milliseconds.
    Object.assign(run, { id: event.run, zero: now - event.now });
    poll(run);
    longPoll(run);
    readEvents(run);
  } else if (event.run === run.id) {
    const way = run.ways.websocket;
    arrived(run, 'websocket', event.part, event.at);
    way.bytes += JSON.stringify(event).length + 4;
    way.connections.add('own');
  }
});

function arrived(mine, way, number, at) {
  const { delays } = mine.ways[way];
  if (!delays.has(number)) delays.set(number, Math.max(0, performance.now() - mine.zero - at));
  if (mine !== run) return;
  const done = Math.min(...WAYS.map((each) => mine.ways[each].delays.size));
  write(find('news-progress'), 'news_progress', { done, count: PIECES });
  if (done === PIECES) finish(mine);
}

function count(mine, way, response, length) {
  const counted = mine.ways[way];
  counted.requests += 1;
  counted.bytes += Number(response.headers.get('X-Request-Head')) + Number(response.headers.get('X-Response-Head')) + length;
  counted.connections.add(response.headers.get('X-Connection'));
}

async function ask(mine, way, wait) {
  const last = Math.max(0, ...mine.ways[way].delays.keys());
  const response = await fetch(`news?run=${mine.id}&after=${last}${wait}`, { cache: 'no-store' });
  const text = await response.text();
  count(mine, way, response, text.length);
  for (const { number, at } of JSON.parse(text).pieces ?? []) arrived(mine, way, number, at);
}

async function poll(mine) {
  while (mine === run && mine.ways.polling.delays.size < PIECES) {
    await new Promise((resolve) => { setTimeout(resolve, POLL_EVERY); });
    try { await ask(mine, 'polling', ''); } catch { return; }
  }
}

async function longPoll(mine) {
  while (mine === run && mine.ways.long_polling.delays.size < PIECES) {
    try { await ask(mine, 'long_polling', `&wait=${LONG_POLL}`); } catch { return; }
  }
}

// As EventSource does it, but one that shows its heads.
async function readEvents(mine) {
  try {
    const response = await fetch(`news?run=${mine.id}`, { headers: { Accept: 'text/event-stream' }, cache: 'no-store' });
    count(mine, 'events', response, 0);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let buffer = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done || mine !== run) return void reader.cancel();
      mine.ways.events.bytes += value.length;
      buffer += value;
      const blocks = buffer.split('\n\n');
      buffer = blocks.pop();
      for (const block of blocks) {
        const data = /^data: ?(.*)$/m.exec(block)?.[1];
        const { number, at } = data ? JSON.parse(data) : {};
        if (number !== undefined) arrived(mine, 'events', number, at);
      }
    }
  } catch { /* the others go on */ }
}

function finish(mine) {
  if (mine !== run) return;
  run = null;
  find('run-news').disabled = false;
  find('news-progress').replaceChildren();
  draw(mine.ways);
}

function draw(ways) {
  const table = withClass('measured', document.createElement('table'));
  const head = document.createElement('tr');
  head.append(make('th', ''), ...WAYS.map((way) => write(make('th', ''), `way_${way}`)));
  table.append(document.createElement('thead'), document.createElement('tbody'));
  table.tHead.append(head);
  const delays = (way) => [...ways[way].delays.values()];
  const time = (delay) => delay < 1 ? '< 1 ms' : `${rounded(delay)} ms`;
  const of = (way, figure) => delays(way).length === 0 ? '–' : time(figure(delays(way)));
  const figures = {
    'news_p50': (way) => of(way, (all) => percentile(all, 0.5)),
    'news_worst': (way) => of(way, (all) => Math.max(...all)),
    'news_requests': (way) => ways[way].requests,
    'news_bytes': (way) => grouped(ways[way].bytes),
    'news_connections': (way) => ways[way].connections.size,
    'news_heard': (way) => `${delays(way).length} / ${PIECES}`,
  };
  for (const [key, figure] of Object.entries(figures)) {
    const row = document.createElement('tr');
    row.dataset.figure = key;
    const label = write(make('th', ''), key);
    label.scope = 'row';
    row.append(label, ...WAYS.map((way) => make('td', figure(way))));
    table.tBodies[0].append(row);
  }
  find('news-result').replaceChildren(table, plot(WAYS.map((way) => [way, delays(way)])), write(make('p', ''), 'news_why'));
}

// A line for each way, a dot for each piece: how late it was. The latest of each has its number.
function plot(rows) {
  const [width, left, height] = [600, 130, 40];
  const most = Math.max(100, ...rows.flatMap(([, delays]) => delays));
  const x = (delay) => left + 8 + (width - left - 30) * delay / most;
  const svg = shape('svg', { viewBox: `0 0 ${width} ${rows.length * height + 40}`, class: 'plot', role: 'img' });
  svg.setAttribute('aria-label', plain('news_plot'));
  svg.append(shape('path', { d: `M${left} 4V${rows.length * height + 4}H${width - 6}` }));
  rows.forEach(([way, delays], index) => {
    const y = index * height + height / 2 + 4;
    svg.append(write(shape('text', { x: left - 8, y: y + 4, 'text-anchor': 'end' }), `way_${way}`));
    for (const delay of delays) svg.append(shape('circle', { class: way === 'websocket' ? 'websocket' : 'http', cx: x(delay), cy: y, r: 4 }));
    const worst = Math.max(0, ...delays);
    const label = shape('text', { x: Math.min(x(worst), width - 40), y: y - 8, 'text-anchor': 'middle' });
    label.textContent = rounded(worst);
    svg.append(label);
  });
  for (const part of [0, 0.5, 1]) {
    const tick = shape('text', { x: x(most * part), y: rows.length * height + 20, 'text-anchor': 'middle' });
    tick.textContent = rounded(most * part);
    svg.append(tick);
  }
  svg.append(write(shape('text', { x: width / 2, y: rows.length * height + 36 }), 'news_axis'));
  return svg;
}

setUp();
