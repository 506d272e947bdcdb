// The JavaScript: the lines that a student would write, each lit when it happens, with its event's real values. And the same as a page of
// its own, to begin with.

import { find, withClass } from '../draw/elements.js';
import { socketAddress } from '../socket.js';
import { on, state } from '../state.js';
import { short } from '../text.js';
import { make, phrase, plain, write } from '../words.js';
import './diagram.js';

const SHOWN = 160;    // characters of a value
const LIT_FOR = 900;  // milliseconds

// Each line, with the name of what lights it.
const LINES = [
  ['new', (address) => `const socket = new WebSocket('${address}');`],
  ['open', () => 'socket.onopen = () => {'],
  [null, () => "  console.log('open');"],
  [null, () => '};'],
  ['message', () => 'socket.onmessage = ({ data }) => {'],
  [null, () => '  console.log(data);'],
  [null, () => '};'],
  ['close', () => 'socket.onclose = ({ code, reason, wasClean }) => {'],
  [null, () => '  console.log(code, reason, wasClean);'],
  [null, () => '};'],
  ['send', () => "socket.send('hola');"],
];

const values = new Map();  // of each line that has one

function setUp() {
  const section = document.createElement('details');
  section.id = 'inspect-javascript';
  const summary = document.createElement('summary');
  summary.append(write(make('h2', ''), 'javascript_title'));
  const list = withClass('javascript', document.createElement('ol'));
  for (const [name, text] of LINES) {
    const line = document.createElement('li');
    line.append(make('code', text(socketAddress('ws'))));
    if (name) {
      line.dataset.line = name;
      const value = withClass('value', make('output', ''));
      line.append(' ', value);
      values.set(name, value);
    }
    list.append(line);
  }
  const save = write(make('button', ''), 'javascript_save');
  save.type = 'button';
  save.id = 'save-client';
  save.addEventListener('click', saveClient);
  const hint = phrase('javascript_hint', { origin: '--origin null' });
  section.append(summary, list, save, ' ', withClass('hint', hint));
  find('inspect-handshake').before(section);
}

function light(name, value) {
  const element = values.get(name);
  element.textContent = value;
  const line = element.closest('li');
  line.classList.add('now');
  clearTimeout(line.timer);
  line.timer = setTimeout(() => line.classList.remove('now'), LIT_FOR);
}

on('connection', () => { if (state.socket?.readyState === WebSocket.CONNECTING) light('new', 'readyState 0'); });
on('opened', () => light('open', 'readyState 1'));
on('said', (text) => light('send', short(text, SHOWN)));
on('event', (event) => light('message', short(JSON.stringify(event), SHOWN)));
on('closed', ({ code, reason, wasClean }) => light('close', `${code}, '${reason}', ${wasClean}`));

// What was said goes with the person who said it.
on('person', () => { for (const value of values.values()) value.textContent = ''; });

// …and what was taken back stands nowhere.
on('removed', () => { for (const name of ['message', 'send']) values.get(name).textContent = ''; });

// A whole page, for `--page client.html` and for opening from the disk.
export function clientPage(address) {
  return `<!DOCTYPE html>
<meta charset="utf-8">
<title>${plain('javascript_client')}</title>
<ol id="log"></ol>
<form id="form"><input id="text" autocomplete="off"> <button>${plain('send')}</button></form>
<script>
const log = document.getElementById('log');

function show(text) {
  const line = document.createElement('li');
  line.textContent = text;
  log.append(line);
}

const socket = new WebSocket('${address}');
socket.onopen = () => show('open');
socket.onmessage = ({ data }) => show(data);
socket.onclose = ({ code, reason, wasClean }) => show(\`close: \${code} "\${reason}" \${wasClean}\`);

document.getElementById('form').onsubmit = (event) => {
  event.preventDefault();
  socket.send(document.getElementById('text').value);
  event.target.reset();
};
</script>
`;
}

function saveClient() {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([clientPage(socketAddress('ws'))], { type: 'text/html' }));
  link.download = 'client.html';
  link.click();
  URL.revokeObjectURL(link.href);
}

setUp();
