// The sentences on the screen, in the language that was chosen. An element with data-words="key" has its sentence from
// words.es.js or words.en.js; switching the language writes all of them again.

import { announce, recall } from './state.js';

const LANGUAGES = ['es', 'en'];
const WORDS = {};  // of each language that was loaded

// The language: the one chosen before, else the browser's first that we speak.
export let language = recall('localStorage', 'language')
  ?? navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => LANGUAGES.includes(tag))
  ?? 'en';

await load(language);

async function load(wanted) {
  WORDS[wanted] ??= (await import(`./words.${wanted}.js`)).default;
}

// The other languages, before somebody wants them: later there may be no server to load them from.
export function loadAll() {
  for (const other of LANGUAGES) load(other).catch(() => {});
}

// What was written where, so that switching the language can write everything again.
const valuesOf = new WeakMap();

// Fills `element` with a sentence. Values enter as text, never as markup, and each in a <bdi>, so
// that a name in Arabic does not turn the sentence around it.
export function write(element, key, values = {}) {
  element.dataset.words = key;
  valuesOf.set(element, values);
  const pieces = WORDS[language][key].split(/(`[^`]+`|\{[a-z]+\})/);
  element.replaceChildren(...pieces.map((piece) => {
    if (piece.startsWith('`')) return make('code', piece.slice(1, -1));
    if (piece.startsWith('{')) return make('bdi', values[piece.slice(1, -1)]);
    return piece;
  }));
  return element;
}

// Empties it again, for the language switch too.
export function clear(element) {
  delete element.dataset.words;
  element.replaceChildren();
}

// A sentence if there is one, else nothing; written again only when it is another one.
export function show(element, key, values = {}) {
  if (key === null) {
    if (element.hasChildNodes()) clear(element);
  } else if (element.dataset.words !== key || JSON.stringify(valuesOf.get(element)) !== JSON.stringify(values)) {
    write(element, key, values);
  }
}

export function phrase(key, values) {
  return write(document.createElement('span'), key, values);
}

// A sentence as plain text, where no element can stand: in a label, in an option.
export function plain(key, values = {}) {
  return WORDS[language][key].replace(/\{([a-z]+)\}/g, (_, name) => values[name]);
}

// For codes: the sentence about exactly this one, if there is such a sentence.
export function firstKnown(...keys) {
  return keys.find((key) => key in WORDS[language]);
}

// The sentence about a close code: its own, or that of its range (RFC 6455, section 7.4.2).
export function closeKey(code) {
  return firstKnown(`close_${code}`) ?? (code >= 4000 ? 'close_private_use' : code >= 3000 ? 'close_registered' : 'close_other');
}

// The sentence about the server's own reason, which begins with a key; undefined: it has none. `minutes` is a number in it.
export function reasonIn(reason) {
  const key = firstKnown(`reason_${reason.split(':')[0]}`);
  const minutes = /\d+/.exec(reason)?.[0];
  return key && { key, values: minutes === undefined ? {} : { minutes } };
}

// A close in words, for the talk and for the lesson: who began, the code, and what it means; as keys, and { code }.
export function closeSentences({ code, reason, by, isGivenUp }) {
  const why = reasonIn(reason);
  const meaning = [{ key: closeKey(code) }, ...why ? [why] : []];
  return [{ key: isGivenUp ? 'your_close_given_up' : `your_close_${by}` }, { code }, ...meaning];
}

export function make(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

export async function speak(chosenLanguage) {
  try { await load(chosenLanguage); } catch { return; }  // no server: it stays as it is
  language = chosenLanguage;
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll('[data-words]')) {
    write(element, element.dataset.words, valuesOf.get(element));
  }
  for (const element of document.querySelectorAll('[data-label]')) {
    element.setAttribute('aria-label', WORDS[language][element.dataset.label]);
  }
  for (const button of document.querySelectorAll('[data-language]')) {
    button.setAttribute('aria-pressed', button.dataset.language === language);
  }
  announce('language');
}
