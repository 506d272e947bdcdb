// Keeping a recording and showing it again: the buttons, and a file that is dropped on the inspector.

import { find, withClass } from '../draw/elements.js';
import { announce, on } from '../state.js';
import './diagram.js';
import { make, phrase, write } from '../words.js';
import { classFeed, ownFeed, showEvents, view } from './feed.js';
import { MOST_BYTES, readRecording, recordingOf } from './recording.js';

function setUpKeeping() {
  const bar = withClass('keeping', document.createElement('div'));
  const save = write(make('button', ''), 'recording_save');
  const open = write(make('button', ''), 'recording_open');
  const file = document.createElement('input');
  const note = document.createElement('p');
  save.type = open.type = 'button';
  save.id = 'save-recording';
  open.id = 'open-recording';
  file.type = 'file';
  file.id = 'recording-file';
  file.accept = '.jsonl';
  file.hidden = true;
  note.id = 'recording-note';
  note.setAttribute('role', 'status');
  bar.append(save, open, file, note);
  find('inspect-diagram').querySelector('.player').after(bar);

  save.addEventListener('click', saveRecording);
  open.addEventListener('click', () => file.click());
  file.addEventListener('change', () => {
    if (file.files[0]) openFile(file.files[0]);
    file.value = '';
  });
  const inspector = find('inspector');
  inspector.addEventListener('dragover', (event) => event.preventDefault());
  inspector.addEventListener('drop', (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) openFile(event.dataTransfer.files[0]);
  });
}

function saveRecording() {
  const feed = view.recorded ?? (view.wholeClass ? classFeed : ownFeed);
  const text = recordingOf(feed.lines.values(), location.host);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/jsonl' }));
  link.download = `websocket-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.jsonl`;
  link.click();
  URL.revokeObjectURL(link.href);
}

export async function openFile(file) {
  if (file.size > MOST_BYTES) return say('recording_huge', { bytes: MOST_BYTES });
  show(await file.text());
}

export function show(text) {
  const { events, server, problem: wrong, values } = readRecording(text);
  if (wrong) return say(wrong, values);
  showEvents(events);
  say('recording_shown', { server, count: events.length });
  const back = withClass('link', write(make('button', ''), 'recording_close'));
  back.type = 'button';
  back.addEventListener('click', closeRecording);
  find('recording-note').append(' ', back);
}

export function closeRecording() {
  if (view.recorded === null) return;
  view.recorded = null;
  find('recording-note').replaceChildren();
  announce('recorded');
}

function say(key, values) {
  find('recording-note').replaceChildren(phrase(key, values));
}

on('person', closeRecording);

setUpKeeping();
