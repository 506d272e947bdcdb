// Step 1: the request and the response, line by line, and the proof that the server speaks WebSocket.

import { find } from '../draw/elements.js';
import { inMilliseconds } from '../time.js';
import { firstKnown, language, make, phrase, write } from '../words.js';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';  // RFC 6455, section 1.3: added to the key

// The headers that make a WebSocket of it; the others stand folded below.
const MAIN_HEADERS = ['upgrade', 'connection', 'origin', 'sec-websocket-key', 'sec-websocket-version', 'sec-websocket-accept'];

export function drawHandshake(line) {
  const exchange = line.opened ?? line.refused ?? line.exchanged;
  line.drawnHandshake = exchange;
  if (!exchange) return;
  const { at, peer, local, request, response } = exchange;
  write(find('accepted'), 'accepted', {
    conn: line.conn, peer, local: local ?? '?', time: new Date(at).toLocaleTimeString(language),
    asked: inMilliseconds(exchange.asked_us), answered: inMilliseconds(exchange.answered_us),
  });
  if (exchange.tls) {
    const { version, cipher, server_name: name, resumed } = exchange.tls;
    find('accepted').append(' ', phrase(resumed ? 'tls_resumed' : 'tls_facts', { version, cipher, name: name ?? local }));
  }
  find('inspect-handshake-fact').textContent = line.opened === null ? `${exchange.status}` : `101 · ${inMilliseconds(exchange.answered_us)} ms`;
  drawHead(find('request'), request, 'explain_request_line');
  drawHead(find('response'), response, line.opened ? 'explain_status_101' : line.refused ? 'explain_status_refused' : 'explain_status_http', { status: exchange.status });

  const proof = find('proof');
  find('proof-section').hidden = exchange.accept === undefined;
  proof.replaceChildren();
  if (exchange.accept !== undefined) {
    addFact(proof, 'proof_key', exchange.key);
    addFact(proof, 'proof_guid', GUID);
    addFact(proof, 'proof_sha1', exchange.sha1);
    addFact(proof, 'proof_accept', exchange.accept).className = 'result';
  }
  const offered = /^sec-websocket-extensions: *(.*)$/im.exec(request)?.[1];
  find('extensions').hidden = line.opened === null;
  write(find('extensions'), offered ? 'extensions_declined' : 'extensions_none');
  // A value stands in the middle of code here, which `write` keeps apart.
  if (offered) for (const code of find('extensions').querySelectorAll('code')) code.textContent = code.textContent.replace('{offered}', () => offered);
}

export function addFact(list, key, text) {
  const value = make('dd', text);
  list.append(write(make('dt', ''), key), value);
  return value;
}

// Every line is a button that explains itself.
function drawHead(box, head, firstKey, values = {}) {
  const others = document.createElement('details');
  others.className = 'rest';
  box.replaceChildren();
  if (head === '') return box.append(phrase('request_empty'));
  const [top, ...body] = head.split('\r\n\r\n');
  top.split('\r\n').forEach((text, index) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'header-line';
    button.setAttribute('aria-expanded', false);
    const [name, ...rest] = text.split(':');
    if (index === 0 || rest.length === 0) button.textContent = text;
    else button.append(make('b', `${name}:`), rest.join(':'));
    const explanation = phrase(index === 0 ? firstKey : headerKey(name), values);
    const paragraph = document.createElement('p');
    paragraph.className = 'explanation';
    paragraph.hidden = true;
    paragraph.append(explanation);
    button.addEventListener('click', () => {
      paragraph.hidden = !paragraph.hidden;
      button.setAttribute('aria-expanded', !paragraph.hidden);
    });
    const isMain = index === 0 || MAIN_HEADERS.includes(name.trim().toLowerCase());
    button.classList.toggle('main-header', isMain);
    (isMain ? box : others).append(button, paragraph);
  });
  if (others.childElementCount > 0) {
    others.prepend(write(make('summary', ''), 'other_headers', { count: others.querySelectorAll('button').length }));
    box.append(others);
  }
  const content = body.join('\r\n\r\n').trim();
  if (content !== '') box.append(make('p', content));
}

function headerKey(name) {
  const key = `header_${name.trim().toLowerCase().replaceAll('-', '_')}`;
  if (key.startsWith('header_sec_fetch')) return 'header_sec_fetch';
  if (key.startsWith('header_sec_ch')) return 'header_sec_ch';
  return firstKnown(key, 'header_other');
}
