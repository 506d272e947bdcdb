// Step 2: a row for each frame, and the chosen one bit by bit.

import { find, withClass } from '../draw/elements.js';
import { announce } from '../state.js';
import { inMilliseconds, inSeconds } from '../time.js';
import { short } from '../text.js';
import { make, phrase, plain as plainWords, write } from '../words.js';
import { character, closeCode, hexBytes, isMachineMade, partsOf, said, wordsOf } from './decode.js';
import { FRAMES_KEPT, view } from './feed.js';
import { networkOf } from './network.js';

const SHOWN_IN_ROW = 24;    // bytes of payload in a frame's row…
const SHOWN_OF_TEXT = 120;  // characters of what was said
const UNMASKED_BYTES = 32;  // …and unmasked one by one

export function drawFrames(line, isNew) {
  const box = find('frames');
  const rows = isNew ? line.rows : line.undrawn;
  line.undrawn = [];
  if (isNew) box.replaceChildren(frameHeads());
  box.append(...rows.map(frameRow));
  while (box.childElementCount > FRAMES_KEPT + 1) box.children[1].remove();
  if (view.following) box.scrollTop = box.scrollHeight;
  const { client, server } = line.totals;
  find('inspect-frames-fact').textContent = `${client.frames} ↑ ${server.frames} ↓`;
}

// What stands in each column.
function frameHeads() {
  const heads = withClass('frame heads', document.createElement('p'));
  for (const column of ['when', 'way', 'said', 'kind', 'bits', 'length', 'bytes']) heads.append(withClass(column, phrase(`column_${column}`)));
  return heads;
}

function frameRow(frame) {
  if (frame.type !== 'frame') return noteRow(frame);
  const row = document.createElement('button');
  row.type = 'button';
  row.tabIndex = -1;  // the arrow keys go from row to row
  const isControl = frame.message === undefined;
  row.className = `frame ${frame.from} ${isControl ? 'control' : ''} ${!isControl && (!frame.fin || frame.kind === 'continuation') ? 'fragment' : ''}`;
  row.dataset.kind = frame.kind;
  row.dataset.from = frame.from;
  if (frame.message !== undefined) row.dataset.message = frame.message;
  row.setAttribute('aria-pressed', frame === view.chosenFrame);
  const payload = hexBytes(frame.payload).slice(0, SHOWN_IN_ROW);
  const header = hexBytes(frame.header);
  const bytes = cell('bytes');
  const key = frame.mask === undefined ? header.length : header.length - 4;
  bytes.append(make('b', header.slice(0, key).join(' ')), ' ', make('i', header.slice(key).join(' ')), ' ', payload.join(' '));
  const words = cell('said');
  if (frame.hidden) words.append(phrase(frame.removed ? 'removed' : 'hidden_text'));
  else if (frame.round_trip_us !== undefined) words.append(phrase('pong_short', { milliseconds: inMilliseconds(frame.round_trip_us) }));
  else if (frame.kind === 'ping' || frame.kind === 'pong') words.append(phrase('ping_short'));
  else words.append(...sayings(frame));
  words.title = words.textContent;
  if (frame.cut) words.append(' · ', phrase('cut_off'));
  const way = cell('way', frame.from === 'client' ? '→ ' : '← ');
  way.append(phrase(`from_${frame.from}`));
  row.classList.toggle('machine', isMachineMade(frame));
  row.append(
    cell('when', inSeconds(frame.us)), way, words,
    cell('kind', frame.kind),
    cell('bits', `${frame.fin ? 'FIN' : '···'}${frame.rsv ? ` R${frame.rsv.toString(2).padStart(3, '0')}` : ''}${frame.mask ? ' M' : ''}`),
    cell('length', `${frame.length} B/${frame.bits}`),
    bytes,
  );
  row.addEventListener('click', () => {
    for (const other of find('frames').querySelectorAll('[aria-pressed=true]')) other.setAttribute('aria-pressed', false);
    row.setAttribute('aria-pressed', true);
    announce('frame-chosen', frame);
  });
  return row;
}

// What was said in front, then what it is.
export function sayings(frame) {
  const { quote, key, values } = wordsOf(frame);
  const parts = quote ? [make('q', short(quote, SHOWN_OF_TEXT)), ' '] : [];
  return key === 'story_text' ? parts : [...parts, phrase(key, values)];
}

// What is no frame: something that could not be one, or frames that were left out.
function noteRow(event) {
  const row = withClass('frame note', document.createElement('p'));
  if (event.type === 'lost') row.append(phrase('lost_row', { count: event.count }));
  else row.textContent = `${hexBytes(event.header).join(' ')}: ${event.why}`;
  return row;
}

export function cell(name, text = '') {
  return withClass(name, make('span', text));
}

// One frame, bit by bit: what belongs together lights up together.
export function drawDetail(frame) {
  const detail = find('detail');
  const strip = withClass('bit-strip', document.createElement('div'));
  const table = withClass('parts', document.createElement('table'));
  const body = document.createElement('tbody');
  for (const part of partsOf(frame)) {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(make('span', part.bits), make('small', part.hex));
    const row = document.createElement('tr');
    row.append(make('td', part.bits), make('td', part.hex), make('td', ''));
    row.lastElementChild.append(phrase(part.key, { ...frame, opcode: `0x${frame.opcode.toString(16)}` }));
    for (const element of [button, row]) {
      const light = (lit) => { button.classList.toggle('lit', lit); row.classList.toggle('lit', lit); };
      element.addEventListener('pointerenter', () => light(true));
      element.addEventListener('pointerleave', () => light(false));
      element.addEventListener('focus', () => light(true));
      element.addEventListener('blur', () => light(false));
    }
    strip.append(button);
    body.append(row);
  }
  table.append(body);
  const title = write(make('h3', ''), 'detail_title', { kind: frame.kind, way: plainWords(`way_${frame.from}`) });
  detail.replaceChildren(title, strip, table, ...payloadOf(frame), networkOf(frame));
  detail.hidden = false;
  detail.scrollIntoView({ block: 'nearest' });
}

// Below the header: the payload, unmasked byte by byte if it was masked.
function payloadOf(frame) {
  const wire = hexBytes(frame.payload).slice(0, UNMASKED_BYTES);
  const plain = hexBytes(frame.plain ?? frame.payload).slice(0, UNMASKED_BYTES);
  const notes = [];
  const note = (key, values) => notes.push(write(make('p', ''), key, values));
  if (frame.message !== undefined) note('of_message', frame);
  if (frame.kind === 'ping' || frame.kind === 'pong') note('js_never');
  if (frame.round_trip_us !== undefined) note('pong_answers', { milliseconds: inMilliseconds(frame.round_trip_us) });
  if (frame.kind === 'close' && plain.length >= 2) note('close_detail', { code: closeCode(plain) });
  if (wire.length === 0) return notes;
  const mask = hexBytes(frame.mask);
  const table = withClass('unmasking', document.createElement('div'));
  table.classList.toggle('masked', mask.length > 0);
  const labels = mask.length > 0 ? ['unmask_wire', 'unmask_key', 'unmask_plain', 'unmask_text'] : ['unmask_wire', 'unmask_text'];
  table.append(stack(labels.map((key) => write(make('span', ''), key))));
  wire.forEach((byte, index) => {
    const pieces = mask.length > 0 ? [byte, mask[index % 4], plain[index]] : [byte];
    table.append(stack([...pieces, character(plain[index])].map((piece) => make('span', piece))));
  });
  if (frame.length > wire.length) note('more_bytes', { shown: wire.length, length: frame.length });
  const words = withClass('raw', make('p', said(frame)));
  words.hidden = words.textContent === '';
  return [table, words, ...notes];
}

// One byte of the payload: as it came, the key's byte, what it becomes, its character.
function stack(pieces) {
  const element = document.createElement('span');
  element.append(...pieces);
  return element;
}
