// How long to wait before the next attempt to connect. No DOM, no state but its own.
//
// When a server falls, its whole class wants to come back at once. So the longest wait doubles with every failed attempt
// (exponential backoff), and each page waits a random part of it ("full jitter"): they come back one by one.

const FIRST = 1_000;         // milliseconds: the longest wait before the first new attempt…
const LONGEST = 30_000;      // …which doubles with every attempt up to this
const STABLE_AFTER = 5_000;  // milliseconds: a connection that lived this long starts the waits anew

export class Waits {
  #attempts = 0;

  // In milliseconds, after a connection that lived so long.
  next(lived, random = Math.random()) {
    if (lived > STABLE_AFTER) this.reset();
    const wait = random * Math.min(LONGEST, FIRST * 2 ** this.#attempts);
    this.#attempts += 1;
    return wait;
  }

  reset() { this.#attempts = 0; }
}
