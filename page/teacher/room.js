// What a teacher decided and who raised a hand, as the server says it, and the commands that change it. The server decides what is
// allowed: this page only leaves out what would be refused.

import { send } from '../connection.js';
import { announce, forgetTeacherKey, isOpen, on, problem, state } from '../state.js';
import { firstKnown } from '../words.js';

const REF = '@teacher';      // of our commands: an error about one of them comes back with it
const KEY_REF = '@key';
const CHANGES_KEPT = 2_000;  // of names, to know who wrote an older message

// Of everybody: names. Of a teacher alone: who may not write and who may not come back.
const EMPTY = { isTeacher: false, teachers: [], hands: [], listen: false, locked: false, muted: [], expelled: [] };

export const room = { ...EMPTY };

let changes = [];            // who left, came, came back or has another name, in order: { id, what, from, name }
let epoch = null;            // of the chat in which these were

// After each welcome the server says what is not as in an empty room; and who shows the key is a teacher.
on('event', (event) => {
  if (Object.hasOwn(onEvent, event?.type)) onEvent[event.type](event);
});

const onEvent = {
  welcome(event) {
    if (event.epoch !== epoch) changes = [];
    epoch = event.epoch;
    set(EMPTY);
    showKey();
  },

  teaching() {
    set({ isTeacher: true });
  },

  room({ teachers, hands, listen, locked }) {
    set({ teachers, hands, listen, locked });
    // What was refused for this reason may be sent now.
    for (const field of ['message', 'name']) if (!listen && state.problems[field]?.key === 'why_listen') problem(field, null);
  },

  restricted({ muted, expelled }) {
    set({ muted, expelled });
  },

  renamed({ id, from, name }) { changed({ id, what: 'renamed', from, name }); },

  left({ id, name }) { changed({ id, what: 'left', name }); },

  joined({ id, name, back }) { changed({ id, what: back ? 'back' : 'joined', name }); },

  error(event) {
    const { ref, code, why } = event;
    if (ref === KEY_REF) {
      // Also in the inspector it opens nothing.
      forgetTeacherKey();
      problem('message', 'teach_wrong_key');
    } else if (ref === REF) {
      problem('message', ERRORS[code] ?? firstKnown(`why_${why}`, `error_${code}`, 'error_other'), event);
    }
  },
};

// About a message these two have other words.
const ERRORS = { no_such_user: 'teacher_no_such_user', too_fast: 'teacher_too_fast' };

on('person', () => set(EMPTY));

function set(values) {
  Object.assign(room, values);
  announce('room');
}

// For the server alone, which knows from then on that a teacher is on this connection.
export function showKey() {
  if (state.teacherKey !== null && isOpen() && state.welcomed) send({ type: 'teach', key: state.teacherKey, ref: KEY_REF });
}

export function command(fields) {
  if (!isOpen()) return problem('message', 'teacher_offline');
  problem('message', null);
  send({ ...fields, ref: REF });
}

function changed(change) {
  if (changes.at(-1)?.id >= change.id) return;  // told before, and replayed now
  changes = [...changes, change].slice(-CHANGES_KEPT);
}

// Who wrote a message, under the present name; null: the person left, and another one has the name.
export function authorOf({ id, from }) {
  if (state.hasAccounts) return from;
  let author = from;
  let isHere = true;
  for (const { id: at, what, from: before, name } of changes) {
    if (at <= id) continue;
    if (what === 'renamed' && before === author && isHere) author = name;
    else if (what === 'left' && name === author) isHere = false;
    else if (what === 'back' && name === author) isHere = true;
    else if (name === author && !isHere) return null;
  }
  return author;
}

export function isTeacher(name) {
  return room.teachers.includes(name);
}

export function hasRaised(name) {
  return room.hands.includes(name);
}
