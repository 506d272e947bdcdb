// "HTTP or WebSocket?": the same short messages both ways, one after the other. Nothing is watched while the clock runs: the exact
// number of bytes is asked for afterwards.

import { find } from '../draw/elements.js';
import { closeSocket, openSocket, sendText } from '../socket.js';
import { newKey, state } from '../state.js';
import { percentile, rounded } from '../time.js';
import { clear, make, plain, write } from '../words.js';
import { grouped } from './close.js';
import { demonstrate } from './demonstrations.js';
import { openWire } from './feed.js';

export const MESSAGES = 100;

export async function measure() {
  if (state.nobody) return write(find('measure-progress'), 'measure_nobody');
  const button = find('run-measure');
  button.disabled = true;
  try {
    const texts = Array.from({ length: MESSAGES }, (_, index) => `message ${String(index).padStart(3, '0')}`);
    const http = await measureHttp(texts);
    const websocket = await measureWebSocket(texts);
    clear(find('measure-progress'));
    drawMeasured(http, websocket);
    demonstrate('push');
  } catch (error) {
    write(find('measure-progress'), 'measure_failed', { text: error.message });
  }
  button.disabled = false;
}

function tellProgress(done, protocol) {
  if (done % 10 === 0) write(find('measure-progress'), 'measure_progress', { done, count: MESSAGES, protocol });
}

async function measureHttp(texts) {
  const result = { trips: [], up: 0, down: 0, connections: new Set() };
  const begun = performance.now();
  for (const text of texts) {
    const sentAt = performance.now();
    const response = await fetch('echo', { method: 'POST', body: text, cache: 'no-store' });
    const body = await response.text();
    result.trips.push(performance.now() - sentAt);
    result.up += Number(response.headers.get('X-Request-Head')) + text.length;
    result.down += Number(response.headers.get('X-Response-Head')) + body.length;
    result.connections.add(response.headers.get('X-Connection'));
    tellProgress(result.trips.length, 'HTTP');
  }
  return { ...result, total: performance.now() - begun, connections: result.connections.size };
}

async function measureWebSocket(texts) {
  const key = newKey();
  const trips = [];
  const begun = performance.now();
  let echo;
  let settle;
  const next = () => new Promise((resolve, reject) => { settle = { resolve, reject }; });
  const opening = next();
  echo = openSocket(`echo?wire=${key}`, {
    opened: () => settle.resolve(),
    received: () => settle.resolve(),
    closed: () => settle.reject(new Error('WebSocket')),
  });
  await opening;
  for (const text of texts) {
    const sentAt = performance.now();
    const answer = next();
    sendText(echo, text);
    await answer;
    trips.push(performance.now() - sentAt);
    tellProgress(trips.length, 'WebSocket');
  }
  const total = performance.now() - begun;
  return { trips, total, connections: 1, ...await bytesOf(echo, key) };
}

// A feed of its own tells how long the two heads were, and at the end what went over the wire.
function bytesOf(echo, key) {
  let heads = null;
  return new Promise((resolve, reject) => {
    openWire(key, {
      closed: () => reject(new Error('/wire')),
      received(data, feed) {
        const event = JSON.parse(data);
        if (event.type === 'opened') {
          heads = event;
          closeSocket(echo);
        }
        if (event.type !== 'closed') return;
        resolve({ up: heads.request.length + event.from_client.bytes, down: heads.response.length + event.to_client.bytes });
        closeSocket(feed);
      },
    });
  });
}

function drawMeasured(http, websocket) {
  const table = document.createElement('table');
  table.className = 'measured';
  const head = document.createElement('tr');
  const [httpHead, websocketHead] = [make('th', 'HTTP'), make('th', 'WebSocket')];
  httpHead.className = 'http-colour';
  websocketHead.className = 'websocket-colour';
  head.append(make('th', ''), httpHead, websocketHead);
  table.append(document.createElement('thead'), document.createElement('tbody'));
  table.tHead.append(head);
  // Some browsers' clocks are coarse, so that a short trip takes nothing.
  const time = (milliseconds) => milliseconds < 0.05 ? '< 0.1 ms' : `${rounded(milliseconds)} ms`;
  const figures = {
    time: [http, websocket].map(({ total }) => time(total)),
    mean: [http, websocket].map(({ total }) => time(total / MESSAGES)),
    p50: [http, websocket].map(({ trips }) => time(percentile(trips, 0.5))),
    worst: [http, websocket].map(({ trips }) => time(Math.max(...trips))),
    up: [http, websocket].map(({ up }) => grouped(up)),
    down: [http, websocket].map(({ down }) => grouped(down)),
    connections: [http, websocket].map(({ connections }) => connections),
  };
  for (const [name, pair] of Object.entries(figures)) {
    const row = document.createElement('tr');
    const label = write(make('th', ''), `measure_${name}`);
    label.scope = 'row';
    row.dataset.figure = name;
    row.append(label, ...pair.map((figure) => make('td', figure)));
    const why = document.createElement('tr');
    const reason = write(make('td', ''), `why_${name}`, { count: MESSAGES });
    reason.colSpan = 3;
    reason.className = 'why';
    why.append(reason);
    table.tBodies[0].append(row, why);
  }
  const box = find('measured');
  box.replaceChildren(table, plot(http.trips, websocket.trips), write(make('p', ''), 'measure_push'));
  box.hidden = false;
}

// Every round trip as a dot. The highest few may lie above the edge, or one slow one would flatten all others.
function plot(http, websocket) {
  const [width, height, left, bottom] = [600, 220, 46, 34];
  const top = Math.max(0.1, percentile([...http, ...websocket], 0.98) * 1.25);
  const svg = shape('svg', { viewBox: `0 0 ${width} ${height}`, class: 'plot', role: 'img' });
  svg.setAttribute('aria-label', plain('plot_label'));
  const x = (index) => left + 6 + index * (width - left - 16) / MESSAGES;
  const y = (milliseconds) => height - bottom - Math.min(1, milliseconds / top) * (height - bottom - 12);
  svg.append(shape('path', { d: `M${left} 8V${height - bottom}H${width - 6}` }));
  for (const part of [0, 0.5, 1]) {
    const tick = shape('text', { x: left - 6, y: y(top * part) + 4, 'text-anchor': 'end' });
    tick.textContent = rounded(top * part);
    svg.append(tick);
  }
  for (const index of [1, MESSAGES / 2, MESSAGES]) {
    const tick = shape('text', { x: x(index - 1), y: height - bottom + 16, 'text-anchor': 'middle' });
    tick.textContent = index;
    svg.append(tick);
  }
  const axes = [['plot_x', width / 2, height - 3], ['plot_y', left + 14, 16]];
  for (const [key, at, down] of axes) svg.append(write(shape('text', { x: at, y: down }), key));
  for (const [series, trips] of [['http', http], ['websocket', websocket]]) {
    svg.append(...trips.map((trip, index) => shape('circle', { class: series, cx: x(index), cy: y(trip), r: 3 })));
  }
  return svg;
}

export function shape(tag, attributes) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
