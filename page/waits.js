// When to try again, and when to give up. No DOM, no state but its own; times are milliseconds.
//
// How long to wait before the next attempt to connect: when a server falls, its whole class wants to come back at once. So the longest wait doubles with every failed attempt
// (exponential backoff), and each page waits a random part of it ("full jitter"): they come back one by one.

const FIRST = 1_000;         // milliseconds: the longest wait before the first new attempt…
const LONGEST = 30_000;      // …which doubles with every attempt up to this
const WATCHED = 4_000;       // …and this much longer where a class looks at it
const STABLE_AFTER = 5_000;  // milliseconds: a connection that lived this long starts the waits anew

export class Waits {
  #attempts = 0;

  // In milliseconds, after a connection that lived so long. Where a class looks, the first attempt leaves it time to read the close.
  next(lived, isWatched = false, random = Math.random()) {
    if (lived > STABLE_AFTER) this.reset();
    const wait = random * Math.min(LONGEST, FIRST * 2 ** this.#attempts);
    this.#attempts += 1;
    return isWatched ? WATCHED + wait : wait;
  }

  reset() { this.#attempts = 0; }
}

const IDLE = 25_000;           // nothing came for so long: ask whether the server is still there…
const UNCONFIRMED = 4_000;     // …and already after this, if it has not confirmed what was sent
const SHOWN_AFTER = 2_000;     // without an answer for so long: the page says so…
const GIVEN_UP_AFTER = 12_000; // …and after this the connection is given up
const ASLEEP = 10_000;         // no look at the clock for so long: the computer slept, and silence meanwhile means nothing
const ASK_EVERY = 5_000;       // between two heartbeats: more often they would count as messages

// Whether there is a sign of life. Anything that comes is one.
export class Pulse {
  #heardAt = 0;
  #askedAt = null;   // null: there is no question without an answer
  #asked = -Infinity;
  #lookedAt = 0;

  begin(now) {
    this.#heardAt = this.#lookedAt = now;
    this.#askedAt = null;
    this.#asked = -Infinity;
  }

  heard(now) {
    this.#heardAt = now;
    this.#askedAt = null;
  }

  // What to do now: 'ask', 'give up' or null. `oldestSent`: since when a message waits for its confirmation, or null.
  look(now, oldestSent = null) {
    const slept = now - this.#lookedAt > ASLEEP;
    this.#lookedAt = now;
    if (slept) this.#askedAt = null;
    if (this.#askedAt !== null) return now - this.#askedAt >= GIVEN_UP_AFTER ? 'give up' : null;
    const isLate = oldestSent !== null && now - Math.max(oldestSent, this.#heardAt) >= UNCONFIRMED;
    return (slept || isLate || now - this.#heardAt >= IDLE) && this.mayAsk(now) ? 'ask' : null;
  }

  // Not too often; if it may, it counts as asked.
  mayAsk(now) {
    if (this.#askedAt !== null || now - this.#asked < ASK_EVERY) return false;
    this.#askedAt = this.#asked = now;
    return true;
  }

  // Whole seconds without an answer, once they are worth saying; else null.
  silentFor(now) {
    if (this.#askedAt === null || now - this.#askedAt < SHOWN_AFTER) return null;
    return Math.floor((now - this.#askedAt) / 1000);
  }
}
