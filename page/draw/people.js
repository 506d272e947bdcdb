// Who is here, who is writing, and where you write: to whom, and under which name. Who is signed in, or how to.

import { socketAddress } from '../socket.js';
import { state } from '../state.js';
import { everybody } from '../threads.js';
import { language, make, plain, show } from '../words.js';
import { colour, find, reconcile, setText } from './elements.js';

const PEOPLE_DRAWN = 100;  // names in the list; the others are found by the search field…
const SEARCH_FROM = 20;    // …which is there if more people than this are

// What a feature adds to a person in the list: functions of the item and the name.
export const additions = [];

const items = new Map();  // of each name in the list
let drawn = null;         // what the list shows
let drawnYou = '';
let drawnRenamings = 0;

export function drawPeople() {
  setText(find('count'), state.count);
  drawList();
  drawName();
  drawCompose();
  drawTyping();
  for (const [field, id] of [['message', 'message-problem'], ['name', 'name-problem'], ['signOut', 'sign-out-problem']]) {
    const problem = state.problems[field];
    show(find(id), problem?.key ?? null, problem?.values);
  }
}

function drawList() {
  const { people, you, count, crowded, search } = state;
  const field = find('find-person');
  field.hidden = count <= SEARCH_FROM && search === '';
  if (field.placeholder !== plain('find_person')) field.placeholder = plain('find_person');
  if (drawn?.people !== people || drawn.you !== you || drawn.search !== search || drawn.language !== language) {
    for (const name of items.keys()) if (!people.includes(name) || name === drawn?.you || name === you) items.delete(name);
    const found = people.filter((name) => plainLetters(name).includes(plainLetters(search)));
    reconcile(find('people'), found.slice(0, PEOPLE_DRAWN).map((name) => items.get(name) ?? newItem(name)));
    for (const item of find('people').children) for (const add of additions) add(item, item.dataset.name);
    drawn = { people, you, search, language, more: found.length - PEOPLE_DRAWN };
  }
  const more = Math.max(0, search === '' ? count - Math.min(people.length, PEOPLE_DRAWN) : drawn.more);
  find('more-people').hidden = more === 0 && !crowded;
  show(find('more-people'), crowded ? 'and_more_crowd' : 'and_more', { more });
  find('private-hint').hidden = people.length < 2;
}

// As people type when they look for a name: small, without accents.
function plainLetters(name) {
  return name.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}

// A name is a button that opens the private thread; your own is not.
function newItem(name) {
  const item = document.createElement('li');
  item.dataset.name = name;
  colour(item, name);
  if (name === state.you) {
    item.dataset.mark = plain('you');
    item.append(make('bdi', name));
  } else {
    const button = make('button', '');
    button.type = 'button';
    button.append(make('bdi', name));
    item.append(button);
  }
  items.set(name, item);
  return item;
}

// The field for the name: what is being typed there stays, unless it has become your name.
function drawName() {
  const input = find('name');
  if (state.you === drawnYou && state.renamings === drawnRenamings) return;
  const isOwnWish = state.renamings !== drawnRenamings;
  drawnYou = state.you;
  drawnRenamings = state.renamings;
  if (isOwnWish || document.activeElement !== input) input.value = state.you;
}

function drawCompose() {
  const { shown } = state;
  const isPrivate = shown !== everybody;
  const name = state.you || state.chosenName || '…';
  document.querySelector('.chat').classList.toggle('whisper', isPrivate);
  find('private-note').hidden = !isPrivate;
  show(find('private-note').lastElementChild, 'private_note', { name: shown.name });
  show(find('message-label'), isPrivate ? 'writing_privately' : 'writing_as', { name, to: shown.name });
  const field = find('message');
  const placeholder = plain(isPrivate ? 'private_placeholder' : 'message_placeholder', { name: shown.name });
  if (field.placeholder !== placeholder) field.placeholder = placeholder;
  if (field.value !== shown.draft) field.value = shown.draft;
}

function drawTyping() {
  const now = performance.now();
  const names = [...state.typists].filter(([, until]) => until >= now).map(([name]) => name);
  const line = find('typing');
  if (state.shown !== everybody || names.length === 0) show(line, null);
  else if (names.length === 1) show(line, 'typing_one', { name: names[0] });
  else if (names.length === 2) show(line, 'typing_two', { first: names[0], second: names[1] });
  else show(line, 'typing_many');
}

export function drawSignIn() {
  const { nobody, hasAccounts, chosenName, signingIn, signInAt, problems } = state;
  document.body.classList.toggle('nobody', nobody);
  find('signed-in').hidden = !hasAccounts;
  find('name-form').hidden = find('change-name').hidden = Boolean(hasAccounts);
  // -E: websocat ends when the connection does, so that the close is seen there, too.
  setText(find('websocat'), `websocat -E ${hasAccounts ? '--basic-auth NAME:PASSWORD ' : ''}${socketAddress('ws')}`);
  if (hasAccounts) show(find('signed-in-as'), 'signed_in_as', { name: chosenName });
  if (find('sign-in-form').ariaBusy !== String(signingIn)) find('sign-in-form').ariaBusy = signingIn;
  show(find('sign-in-problem'), problems.signIn?.key ?? null, problems.signIn?.values);

  const seconds = Math.ceil((signInAt - performance.now()) / 1000);
  const button = find('sign-in-button');
  button.disabled = signingIn || seconds > 0;
  show(button, signingIn ? 'signing_in' : seconds > 0 ? 'sign_in_wait' : 'sign_in', { seconds });
}
