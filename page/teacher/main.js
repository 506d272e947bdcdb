// The teacher's room: what a teacher may do with the talk and the class, and what everybody sees of it. A room of its own: the chat
// does not import it, and a server without the feature does not have it. Here are its buttons.

import { find, inFrames } from '../draw/elements.js';
import { additions as ofMessages } from '../draw/log.js';
import { additions as ofPeople } from '../draw/people.js';
import { forgetTeacherKey, on, state } from '../state.js';
import { askToClear } from './ask.js';
import { decorateMessage, decoratePerson, draw, setUp } from './draw.js';
import './key.js';
import { takeHandDown } from './menu.js';
import { command, hasRaised, room } from './room.js';

const DRAWING_EVERY = 100;  // milliseconds between two drawings: a whole class may raise its hands at once

await styled();
setUp();
ofMessages.push(decorateMessage);
ofPeople.push(decoratePerson);

const planDrawing = inFrames(DRAWING_EVERY, draw);
for (const topic of ['room', 'connection', 'language', 'renamed']) on(topic, planDrawing);

function styled() {
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.href = new URL('../style/teacher.css', import.meta.url);
  const loaded = new Promise((resolve) => { link.onload = link.onerror = resolve; });
  document.head.append(link);
  return loaded;
}

// The next person at this computer is no teacher because this one was.
on('person', ({ wasSomebody }) => { if (wasSomebody) forgetTeacherKey(); });

find('hand').addEventListener('click', () => command({ type: 'hand', on: !hasRaised(state.you) }));

find('hands').addEventListener('click', ({ target }) => {
  const undo = target.closest('.undo');
  if (undo) takeHandDown(undo.dataset.of);
});

find('listen').addEventListener('click', () => command({ type: 'listen', on: !room.listen }));
find('lock').addEventListener('click', () => command({ type: 'lock', on: !room.locked }));
find('clear-talk').addEventListener('click', ({ currentTarget }) => askToClear(currentTarget, () => command({ type: 'clear' })));

find('muted').addEventListener('click', ({ target }) => {
  const undo = target.closest('.undo');
  if (undo) command({ type: 'mute', name: undo.dataset.of, on: false });
});

find('expelled').addEventListener('click', ({ target }) => {
  const undo = target.closest('.undo');
  if (undo) command({ type: 'readmit', name: undo.dataset.of });
});
