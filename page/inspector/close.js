// Step 3: who closed, how, and who ended TCP. And the sums: what all of it cost, and what HTTP would have cost.

import { find } from '../draw/elements.js';
import { clear, closeKey, language, make, phrase, plain, reasonIn, write } from '../words.js';
import { addFact } from './handshake.js';

let httpCost = null;  // bytes of this browser's request head and of the response's

export function grouped(number) {
  return number.toLocaleString(language);
}

export function drawTotals(line) {
  const { client, server } = line.totals;
  const list = find('totals');
  list.replaceChildren();
  // A request carries one message up, and its response one down.
  const exchanges = Math.max(client.messages, server.messages);
  addTotal(list, 'total_frames', `${client.frames} · ${server.frames}`);
  addTotal(list, 'total_messages', `${client.messages} · ${server.messages}`);
  addTotal(list, 'total_payload', grouped(client.payload + server.payload));
  addTotal(list, 'total_overhead', grouped(client.overhead + server.overhead));
  const why = find('totals-why');
  why.hidden = httpCost === null || !line.opened;
  if (why.hidden) return;
  addTotal(list, 'total_http', grouped(exchanges * (httpCost.request + httpCost.response)));
  write(why, 'totals_why', { ...httpCost, handshake: line.opened.request.length + line.opened.response.length });
}

function addTotal(list, key, text) {
  const box = document.createElement('div');
  addFact(box, key, text);
  list.append(box);
}

// What a request of this very browser costs before it says anything: the server tells how long the heads were.
export async function measureHttpCost() {
  if (httpCost !== null) return;
  try {
    const { headers } = await fetch('echo', { method: 'POST', body: 'x' });
    const length = (name) => Number(headers.get(name));
    httpCost = { request: length('X-Request-Head'), response: length('X-Response-Head') };
  } catch { /* without a server there is nothing to compare */ }
}

// The feed died with the server: what the page was told is all that there is.
function byPage({ code, reason }) {
  return { code, reason };
}

export function drawClose(line) {
  const list = find('close-facts');
  const event = line.closed ?? line.closing ?? (line.told ? byPage(line.told) : null);
  list.replaceChildren();
  clear(find('close-never'));
  find('inspect-close-fact').textContent = event ? event.code : '';
  if (!event) return list.append(write(make('dt', ''), 'not_closed'));
  const isFromPage = event.by === undefined;
  if (isFromPage) list.append(write(make('dt', ''), 'feed_died'));
  const sentence = (key, part, values) => addFact(list, key, '').append(phrase(part, values));
  if (!isFromPage) sentence('close_who', `by_${event.by}`);
  addFact(list, 'close_code', `${event.code} · `).append(phrase(closeKey(event.code)));
  const reason = reasonIn(event.reason ?? '');
  if (event.reason) addFact(list, 'close_reason', event.reason).append(...reason ? [' · ', phrase(reason.key, reason.values)] : []);
  else sentence('close_reason', 'no_reason');
  if (!isFromPage) sentence('close_answer', event.answered ?? line.answered ? 'answered_yes' : 'answered_no');
  if (line.told) addFact(list, 'close_told', `${line.told.code} · `).append(phrase(closeKey(line.told.code)));
  if (event.code === 1005 || event.code === 1006) write(find('close-never'), `never_${event.code}`);
  if (!line.closed) return;
  const who = plain(`by_${event.tcp_by ?? 'client'}`);
  sentence('close_tcp', 'tcp_first', { who, how: plain(`tcp_${event.tcp}`) });
  addFact(list, 'close_amounts', `${grouped(event.from_client.bytes)} · ${grouped(event.to_client.bytes)}`);
}
