// A question before what cannot be undone: a dialog of the browser, which keeps the focus inside, and closes with Escape.

import { make, phrase, plain, write } from '../words.js';
import { button, withId } from './parts.js';

const MINUTES = [5, 10, 30, 60, 240];
const USUAL = 10;

const dialog = withId('ask', document.createElement('dialog'));
dialog.setAttribute('aria-labelledby', 'ask-title');
document.body.append(dialog);

let back = null;  // where the focus was

// `key` is the sentence of the question, `values` its names; `more` what else is asked. `yes` is the text of the button that does it.
function ask({ key, values, why, yes, more = [], returnTo }, does) {
  const form = document.createElement('form');
  form.method = 'dialog';
  const title = withId('ask-title', write(make('h2', ''), key, values));
  const row = document.createElement('div');
  row.className = 'ask-buttons';
  const no = button('ask_no');
  const doIt = button(yes);
  doIt.type = 'submit';
  doIt.className = 'main';
  no.addEventListener('click', () => dialog.close());
  row.append(no, doIt);
  form.append(title, write(make('p', ''), why), ...more, row);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    dialog.close();
    does();
  });
  back = returnTo;
  dialog.replaceChildren(form);
  dialog.showModal();
  // What does nothing has the focus: Enter pressed once too often takes nothing back.
  no.focus();
}

// The focus goes back to where it was; what was there may have gone meanwhile.
dialog.addEventListener('close', () => {
  dialog.replaceChildren();
  (back?.isConnected ? back : document.getElementById('message')).focus();
});

export function askToRemove(name, returnTo, does) {
  ask({ key: 'ask_remove', values: { name }, why: 'ask_remove_why', yes: 'remove_message', returnTo }, does);
}

export function askToClear(returnTo, does) {
  ask({ key: 'ask_clear', why: 'ask_clear_why', yes: 'clear_talk', returnTo }, does);
}

export function askToExpel(name, returnTo, does) {
  const minutes = withId('expel-minutes', document.createElement('select'));
  minutes.append(...MINUTES.map((count) => {
    const option = make('option', plain('expel_minutes', { count }));
    option.value = count;
    option.selected = count === USUAL;
    return option;
  }));
  const time = document.createElement('label');
  time.append(phrase('expel_for'), ' ', minutes);
  const box = withId('expel-address', document.createElement('input'));
  box.type = 'checkbox';
  const address = document.createElement('label');
  address.append(box, ' ', phrase('expel_address'));
  const hint = write(make('p', ''), 'expel_address_why');
  hint.className = 'hint';
  ask({ key: 'ask_expel', values: { name }, why: 'ask_expel_why', yes: 'expel', more: [time, address, hint], returnTo },
    () => does({ minutes: Number(minutes.value), address: box.checked }));
}
