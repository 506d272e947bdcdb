// The beginning: connects the parts, and opens the connection. What is drawn when, and when the files of the inspector and of the
// teacher are loaded.

import { connect, gates } from './connection.js';
import { drawClock, drawConnection, spark } from './draw/connection.js';
import { find, inFrames } from './draw/elements.js';
import { drawLog, drawThread } from './draw/log.js';
import { drawPeople, drawSignIn } from './draw/people.js';
import { recallOutbox } from './sending.js';
import { announce, mayInspect, on, recall, state, takeLink } from './state.js';
import { language, loadAll, speak, write } from './words.js';
import { showPanel, showWhatFits } from './panels.js';
import './accounts.js';
import './events.js';
import './input.js';

const DRAWING_EVERY = 250;             // milliseconds between two drawings of a busy talk: painting is what costs most
const CLOCK_EVERY = 250;               // milliseconds between two drawings of what changes by itself
const LOADED_AFTER = 10_000;           // milliseconds after the chat is open: then the inspector is loaded, too
const PATIENCE_WITH_INSPECTOR = 1_000; // milliseconds that the chat waits for an inspector that was left open

// A class that talks at once sends hundreds of events a second: they are drawn together. The connection's state is drawn at once.

function drawTalk() {
  drawLog();
  drawPeople();
  drawSignIn();
}

const planDrawing = inFrames(DRAWING_EVERY, drawTalk);

on('chat', planDrawing);
on('own', drawTalk);
on('language', () => {
  planDrawing();
  drawConnection();
});
on('thread', () => {
  drawThread();
  drawPeople();
});
on('connection', () => {
  drawConnection();
  drawSignIn();
});
on('traffic', spark);

setInterval(() => {
  drawClock();
  drawPeople();
  drawSignIn();
}, CLOCK_EVERY);

// The inspector is loaded when it is opened, else some time after the chat is: later there may be no server to load it from.

let inspector = null;

function loadInspector() {
  inspector ??= import('./inspector/main.js').catch(() => {
    inspector = null;  // no server: the next time it is opened
    write(find('feed-note'), 'feed_off');
    return { watching() {} };
  });
  return inspector;
}

on('panel', ({ id, shown }) => { if (id === 'inspector' && shown) loadInspector(); });
on('opened', () => {
  setTimeout(() => { if (mayInspect()) loadInspector(); }, LOADED_AFTER);
});

// What only a server with the feature has: a teacher's rights, the hands, what is quiet now. The chat waits for it: the first events may
// be for it.

let teacher = null;

function loadTeacher() {
  if (!state.features?.includes('teacher')) return null;
  teacher ??= import('./teacher/main.js').catch(() => { teacher = null; });
  return teacher;
}

gates.push(async () => {
  await loadTeacher();
  return true;
});

// The link opens what it is for: the class, in the inspector. After a reload the key is here still; whether there is an inspector,
// the server has to say first.
let wantsClass = false;

function openClass() {
  if (!wantsClass || state.features === null || !mayInspect()) return;
  wantsClass = false;
  showPanel('inspector', true);
}

function wantClass() {
  wantsClass = true;
  openClass();
}

on('teacher', wantClass);
on('features', openClass);
addEventListener('hashchange', takeLink);

// If it was left open, it shall see the first byte of the chat; but the chat does not depend on it.
gates.push(async () => {
  if (find('inspector').hidden) return true;
  const late = new Promise((resolve) => { setTimeout(resolve, PATIENCE_WITH_INSPECTOR); });
  await Promise.race([loadInspector().then(({ watching }) => watching()).catch(() => {}), late]);
  return true;
});

speak(language);
showWhatFits(recall('localStorage', 'inspector') === 'open');
if (state.teacherKey !== null) wantClass();
recallOutbox();
announce('connection');
announce('thread');
connect();
loadAll();
find('too-old').remove();
