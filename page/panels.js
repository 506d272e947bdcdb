// The panels beside the chat. On a narrow screen only one of them is open at a time, and the inspector needs much room.

import { announce, mayInspect, on, state } from './state.js';
import { find, withClass } from './draw/elements.js';
import { make, write } from './words.js';

export const narrow = matchMedia('(max-width: 47.99rem)');
const wide = matchMedia('(min-width: 72rem)');
const vast = matchMedia('(min-width: 150rem)');  // room for the inspector and the other panels

// Which of the two addresses this page has: a file from disk has none.
if (location.protocol !== 'file:') write(find('encrypted'), location.protocol === 'https:' ? 'address_encrypted' : 'address_plain');

const toggles = [...document.querySelectorAll('[aria-controls]')];

function fitsBeside(panel, opened) {
  if (narrow.matches) return false;
  if (vast.matches || ![panel, opened].includes('inspector')) return true;
  return wide.matches && panel === 'inspector' && opened === 'people-panel';
}

export function showPanel(id, shown) {
  if (id === 'inspector' && shown && !mayInspect()) return;
  for (const button of toggles) {
    const panel = find(button.getAttribute('aria-controls'));
    const before = panel.hidden;
    if (panel.id === id) panel.hidden = !shown;
    else if (shown && !fitsBeside(panel.id, id)) panel.hidden = true;
    button.setAttribute('aria-expanded', !panel.hidden);
    if (before !== panel.hidden) announce('panel', { id: panel.id, shown: !panel.hidden });
  }
  state.isWatched = ['lesson', 'inspector'].some((watched) => !find(watched).hidden);
}

// Open what fits: on a phone the chat alone, on a big screen everything.
export function showWhatFits(wantsInspector) {
  showPanel('lesson', wide.matches);
  showPanel('people-panel', !narrow.matches);
  // Last, since it makes the others go where there is no room.
  if (wantsInspector || !find('inspector').hidden) showPanel('inspector', true);
}

export function closeOnNarrow(id) {
  if (narrow.matches) showPanel(id, false);
}

for (const button of toggles) {
  const id = button.getAttribute('aria-controls');
  button.addEventListener('click', () => showPanel(id, find(id).hidden));
}
// Each panel has a way out: a button, and Escape. The focus goes back to the button that opened it.
for (const button of toggles) {
  const panel = find(button.getAttribute('aria-controls'));
  const close = withClass('panel-close', make('button', '✕'));
  close.type = 'button';
  close.dataset.label = 'close_panel';
  const leave = () => {
    showPanel(panel.id, false);
    button.focus();
  };
  close.addEventListener('click', leave);
  panel.addEventListener('keydown', ({ key }) => { if (key === 'Escape') leave(); });
  panel.prepend(close);
}

narrow.addEventListener('change', () => showWhatFits());
wide.addEventListener('change', () => showWhatFits());
find('open-inspector').addEventListener('click', () => showPanel('inspector', true));

on('features', () => { if (!mayInspect()) showPanel('inspector', false); });
on('renamed', () => closeOnNarrow('people-panel'));
on('forms', () => { if (state.nobody) closeOnNarrow('people-panel'); });
