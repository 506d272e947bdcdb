// Slow motion: what happened is played again, slower, or step by step. It changes what the diagram shows, never what is recorded.

import { announce } from '../state.js';
import { closeOf, handshakeOf, storyOf } from './story.js';

const SHORTEST = 900;    // milliseconds that a step stays, at least: it has to be read
const LONGEST = 6_000;   // …and at most, however slow the motion

export const player = {
  steps: [],       // what is played
  index: -1,       // the step that is shown now
  step: null,      // null: nothing is played
  slowness: 1000,  // one second of the recording takes this many
  line: null,
  timer: null,
};

// What the diagram shows of a line: all of it, or what was played so far.
export function visibleSteps(line) {
  if (player.step === null || player.line !== line) {
    const steps = storyOf(line);
    return { steps, current: null, isPlaying: false };
  }
  return { steps: player.steps.slice(0, player.index + 1), current: player.step, isPlaying: true };
}

export function play(line, part) {
  const steps = storyOf(line);
  stop();
  player.steps = { handshake: handshakeOf, close: closeOf, all: (all) => all }[part](steps);
  if (player.steps.length === 0) return false;
  player.line = line;
  advance();
  return true;
}

// The next step; then, unless it was asked for by hand, the one after it in its time.
export function advance(isByHand = false) {
  clearTimeout(player.timer);
  player.timer = null;
  if (player.index + 1 >= player.steps.length) return;
  player.index += 1;
  player.step = player.steps[player.index];
  const next = player.steps[player.index + 1];
  if (next && !isByHand) {
    const wait = ((next.us ?? 0) - (player.step.us ?? 0)) / 1000 * player.slowness;
    player.timer = setTimeout(advance, Math.min(LONGEST, Math.max(SHORTEST, wait)));
  }
  announce('played');
}

export function stop() {
  clearTimeout(player.timer);
  Object.assign(player, { steps: [], index: -1, step: null, line: null, timer: null });
  announce('played');
}
