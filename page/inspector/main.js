// The inspector: what really goes over the wire, from its own feed. A room of its own: the chat does not import it, and a server
// without the feature does not have it. Here are its buttons, and what it does when it is opened and closed.

import { find, rove } from '../draw/elements.js';
import { announce, forgetTeacherKey, on, recall, remember, state } from '../state.js';
import { showPanel } from '../panels.js';
import { write } from '../words.js';
import { measureHttpCost } from './close.js';
import { setUpDemonstrations } from './demonstrations.js';
import { planInspector, redrawAll, redrawNow, shownFeed } from './draw.js';
import { classFeed, closeFeed, forgetFrames, forgetText, latestOwnLine, openFeed, ownFeed, pageWasTold, view, whenWatching } from './feed.js';
import { drawDetail } from './frames.js';
import { measure, MESSAGES } from './measure.js';

const LOADED_AFTER = 10_000;  // milliseconds after the chat is open: then the rest is loaded, too
const NEAR_THE_END = 40;      // pixels: so close to the newest row counts as being there

let diagram = null;           // the promise of the files that are loaded later

await styled();
if (state.opensClass) watchWithKey();
on('teacher', watchWithKey);
setUpDemonstrations();
toggled();

function styled() {
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.href = new URL('../style/inspector.css', import.meta.url);
  const loaded = new Promise((resolve) => { link.onload = link.onerror = resolve; });
  document.head.append(link);
  return loaded;
}

// The teacher's key has come: the class may be watched.
function watchWithKey() {
  state.opensClass = false;
  closeFeed(classFeed);
  classFeed.key = state.teacherKey;
  // The link opens what it is for.
  showPanel('inspector', true);
  if (view.wholeClass) openFeed(classFeed);
  else watchClass(true);
  redrawAll();
}

function watchClass(isOn) {
  view.wholeClass = isOn;
  find('whole-class').setAttribute('aria-pressed', isOn);
  find('lanes').hidden = find('lanes-note').hidden = !isOn;
  if (isOn) openFeed(classFeed);
  else closeFeed(classFeed);
  choose(null);
  redrawAll();
}

// For the chat, before it opens: its first byte shall be seen.
export async function watching() {
  if (view.isOpen && !ownFeed.watching) await whenWatching(ownFeed);
}

// Opened, it listens; closed, nothing is tapped any more.
function toggled() {
  view.isOpen = !find('inspector').hidden;
  remember('localStorage', 'inspector', view.isOpen ? 'open' : 'closed');
  if (!view.isOpen) return [ownFeed, classFeed].forEach(closeFeed);
  loadDiagram();
  openFeed(ownFeed);
  if (view.wholeClass) openFeed(classFeed);
  measureHttpCost().then(redrawAll);
  planInspector();
}

// The diagram and the recordings are loaded when they are wanted first, at the latest after some time: later there may be no server.
function loadDiagram() {
  diagram ??= Promise.all([import('./diagram.js'), import('./keep.js'), import('./javascript.js'), import('./news.js')]).then(() => {
    hideMachine();
    redrawAll();
  });
}

on('opened', () => setTimeout(loadDiagram, LOADED_AFTER));

on('panel', ({ id }) => { if (id === 'inspector') toggled(); });

on('wire', planInspector);
on('connection', planInspector);
on('closed', pageWasTold);
on('opened', () => { if (view.isOpen) openFeed(ownFeed); });

on('language', () => {
  if (view.chosenFrame !== null) drawDetail(view.chosenFrame);
  redrawAll();
});

on('person', ({ wasSomebody }) => {
  if (wasSomebody) forgetClass();
  choose(null);
  forgetFrames();
  for (const id of ['frames', 'detail', 'lines']) find(id).replaceChildren();
  delete find('lines').dataset.key;
  redrawAll();
});

on('key', () => {
  closeFeed(ownFeed);
  ownFeed.lines.clear();
  ownFeed.key = state.wireKey;
  if (view.isOpen) openFeed(ownFeed);
});

// The teacher's view of the class goes, too: the link in the terminal opens it again.
function forgetClass() {
  if (view.wholeClass) find('whole-class').click();
  find('whole-class').hidden = true;
  find('lanes').replaceChildren();
  classFeed.lines.clear();
  forgetTeacherKey();
  classFeed.key = null;
}

export function choose(line) {
  view.chosenLine = line;
  view.chosenFrame = null;
  announce('line-chosen');
  if (!find('detail').hidden) find('detail').hidden = true;
  planInspector();
}

on('frame-chosen', (frame) => {
  view.chosenFrame = frame;
  drawDetail(frame);
});

// What was taken back is drawn nowhere any more, also while the view is frozen or closed.
on('removed', (gone) => {
  const replaced = forgetText(gone);
  announce('line-chosen');
  if (replaced.has(view.chosenFrame)) {
    view.chosenFrame = replaced.get(view.chosenFrame);
    drawDetail(view.chosenFrame);
  }
  redrawNow();
});

on('recorded', (line) => {
  choose(line ?? null);
  redrawAll();
});

find('lines').addEventListener('change', ({ target }) => {
  const line = shownFeed().lines.get(Number(target.value));
  choose(line === latestOwnLine() ? null : line);
});

find('lanes').addEventListener('click', ({ target }) => {
  const lane = target.closest('.lane');
  if (lane) choose(classFeed.lines.get(Number(lane.dataset.conn)));
});

find('hold').addEventListener('click', ({ currentTarget }) => {
  view.holding = !view.holding;
  currentTarget.setAttribute('aria-pressed', view.holding);
  planInspector();
});

find('whole-class').addEventListener('click', () => watchClass(!view.wholeClass));

rove(find('frames'), 'button');

// What no person has written can be hidden: heartbeats, typing, pings and pongs.
const quiet = find('hide-machine');
quiet.checked = recall('localStorage', 'hide-machine') === 'yes';
const hideMachine = () => { for (const id of ['frames', 'inspect-diagram']) find(id)?.classList.toggle('people-only', quiet.checked); };
quiet.addEventListener('change', () => {
  remember('localStorage', 'hide-machine', quiet.checked ? 'yes' : 'no');
  hideMachine();
});
hideMachine();

find('frames').addEventListener('scroll', ({ currentTarget }) => {
  view.following = currentTarget.scrollHeight - currentTarget.scrollTop - currentTarget.clientHeight < NEAR_THE_END;
});

find('ask-wrongly').addEventListener('click', async () => {
  try {
    // The key in a header: an address is logged by proxies.
    const { status } = await fetch('ws', { headers: { 'X-Wire-Key': state.wireKey } });
    write(find('asked-wrongly'), 'asked_wrongly', { status });
  } catch { write(find('asked-wrongly'), 'feed_off'); }
});

write(document.querySelector('[data-words=measure_intro]'), 'measure_intro', { count: MESSAGES });
find('run-measure').addEventListener('click', measure);

// Which of its parts are open is remembered: a lesson goes on where the last one ended.
for (const part of document.querySelectorAll('#inspector > details')) {
  part.open = (recall('localStorage', part.id) ?? String(part.open)) === 'true';
  part.addEventListener('toggle', () => remember('localStorage', part.id, part.open));
}
