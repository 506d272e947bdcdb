// Times and numbers: as people read them, when to try again, when to give up. No DOM, no state of the page.

const clocks = new Map();

// The server's clock speaks UTC; this shows it in the time zone and the manner of the person who reads.
// toLocaleTimeString would do the same, but set up its formatter anew for every row.
export function clockTime(at, language) {
  if (!clocks.has(language)) {
    const regional = navigator.languages.find((wish) => wish.split('-')[0] === language);
    clocks.set(language, new Intl.DateTimeFormat(regional ?? language, { hour: '2-digit', minute: '2-digit' }));
  }
  return clocks.get(language).format(new Date(at));
}

// Minutes and seconds: 4:07.
export function duration(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

export function rounded(milliseconds) {
  return milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds);
}

export function inMilliseconds(microseconds) {
  return microseconds < 10_000 ? (microseconds / 1000).toFixed(2) : (microseconds / 1000).toFixed(0);
}

export function inSeconds(microseconds) {
  return (microseconds / 1e6).toFixed(3);
}

// The number that this part of all numbers do not exceed: 0.5 is the median.
export function percentile(numbers, part) {
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

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
