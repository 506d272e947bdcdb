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

let changes = [];            // who got another name, left or came, in order: { id, from, to }; `to` null: nobody has the name

// After each welcome the server says what is not as in an empty room; and who shows the key is a teacher.
on('event', (event) => {
  if (Object.hasOwn(onEvent, event?.type)) onEvent[event.type](event);
});

const onEvent = {
  welcome() {
    set(EMPTY);
    showKey();
  },

  teaching() {
    set({ isTeacher: true });
  },

  room({ teachers, hands, listen, locked }) {
    set({ teachers, hands, listen, locked });
    // What was refused for this reason may be sent now.
    if (!listen && state.problems.message?.key === 'why_listen') problem('message', null);
  },

  restricted({ muted, expelled }) {
    set({ muted, expelled });
  },

  renamed({ id, from, name }) { changed({ id, from, to: name }); },

  left({ id, name }) { changed({ id, from: name, to: null }); },

  joined({ id, name, back }) { if (back) changed({ id, from: null, to: name }); },

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

// Who wrote a message, under the name of now; null: left, and whoever has the name now is another one.
function changed(change) {
  if (changes.some(({ id }) => id >= change.id)) return;
  changes = [...changes, change].slice(-CHANGES_KEPT);
}

export function authorOf({ id, from }) {
  let name = from;
  let left = null;
  for (const change of changes) {
    if (change.id <= id) continue;
    if (change.from !== null && change.from === name) {
      if (change.to === null) left = name;
      name = change.to;
    } else if (change.from === null && name === null && change.to === left) {
      name = left;
    }
  }
  return name;
}

export function isTeacher(name) {
  return room.teachers.includes(name);
}

export function hasRaised(name) {
  return room.hands.includes(name);
}
