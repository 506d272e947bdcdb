// What a message says, in parts: plain text, `code`, fenced blocks, addresses; and where a long one is cut. No DOM, no state.
// Of Markdown nothing else: what is not one of these stays as it was written.

const PORTION = 1_000;        // characters that are shown at once…
const PORTION_LINES = 12;     // …and lines: long runs of some scripts are dear to lay out, and many lines are high
const MORE = 4;               // times as much with each further portion
const LONGEST_GRAPHEME = 50;  // characters that are kept together at a cut

// The beginning of a text: `portions` of it, and how many characters are left.
export function beginning(text, portions = 1) {
  const factor = 1 + (portions - 1) * MORE;
  let end = Math.min(text.length, PORTION * factor);
  let lines = 0;
  for (let at = text.indexOf('\n'); at !== -1 && at < end; at = text.indexOf('\n', at + 1)) {
    lines += 1;
    if (lines === PORTION_LINES * factor) end = at;
  }
  if (end < text.length) end = boundary(text, end);
  return { text: text.slice(0, end), left: text.length - end };
}

// The last place before `end` that tears no character apart: no emoji, no letter from its marks.
function boundary(text, end) {
  const from = Math.max(0, end - LONGEST_GRAPHEME);
  let last = 0;
  if (typeof Intl.Segmenter === 'function') {
    for (const { index } of new Intl.Segmenter().segment(text.slice(from, end + LONGEST_GRAPHEME))) if (from + index <= end) last = index;
  }
  if (last > 0) return from + last;
  const code = text.charCodeAt(end - 1);
  return code >= 0xd800 && code <= 0xdbff ? end - 1 : end;
}

// Cut for places that have room for some words only.
export function short(text, most) {
  return text.length <= most ? text : `${text.slice(0, boundary(text, most))}…`;
}

const SPECIAL = /```(?:[a-z0-9+#-]*\n)?([\s\S]*?)```|``+|`([^`\n]+)`|https?:\/\/[^\s<>"`]+/g;

// Parts of a text: { kind: 'text' | 'code' | 'block' | 'link', text }.
export function partsOf(text) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(SPECIAL)) {
    const [whole, block, code] = found;
    if (whole.startsWith('``') && block === undefined) continue;  // begins no block: as it was written
    const link = block === undefined && code === undefined ? withoutEnd(whole) : null;
    if (found.index > at) parts.push({ kind: 'text', text: text.slice(at, found.index) });
    if (block !== undefined) parts.push({ kind: 'block', text: block.replace(/\n$/, '') });
    else if (code !== undefined) parts.push({ kind: 'code', text: code });
    else parts.push({ kind: isAddress(link) ? 'link' : 'text', text: link });
    at = found.index + (link ?? whole).length;
    if (block !== undefined && text[at] === '\n') at += 1;  // a block begins a line, and ends one
  }
  if (at < text.length) parts.push({ kind: 'text', text: text.slice(at) });
  return parts;
}

// A sentence may end behind an address, and brackets may stand around it: they are no part of it.
function withoutEnd(address) {
  let end = address.length;
  const count = (letter) => address.slice(0, end).split(letter).length - 1;
  const isClosing = (letter, opening) => address[end - 1] === letter && count(letter) > count(opening);
  while (end > 0 && (/[.,;:!?'’”»…]/.test(address[end - 1]) || isClosing(')', '(') || isClosing(']', '[') || isClosing('}', '{'))) end -= 1;
  return address.slice(0, end);
}

function isAddress(text) {
  try { return ['http:', 'https:'].includes(new URL(text).protocol) && new URL(text).host !== ''; } catch { return false; }
}
