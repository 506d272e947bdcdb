// What you sent, by its ref, until the server has confirmed or refused it, in the order of writing. An entry is a row of the talk
// that goes through these states: waiting (there is no connection) → sent → delivered (it came back to us) or refused.
// No DOM; drawn by draw/log.js.

export const WAITING_KEPT = 100;     // messages that are not confirmed, fewer than the server knows again
const TURN = 50;                     // milliseconds between two messages that waited, at least

// What a server takes, until its welcome says otherwise: bytes of one frame, messages a second (0: any number), and bytes for which
// a message counts once more.
const LIMITS = { message: 65_536, rate: 20, one_more_per: 4_096 };

export class Outbox {
  #entries = new Map();
  #prefix;
  #refs = 0;
  limits = LIMITS;

  // Two tabs, or one tab before and after a reload, never use the same ref: each has a random prefix.
  constructor(prefix) {
    this.#prefix = prefix;
  }

  get size() { return this.#entries.size; }

  get isFull() { return this.size >= WAITING_KEPT; }

  // Adds a message that waits; `to` is '' for the talk with everybody.
  add(to, text, ref = this.#newRef()) {
    const entry = { kind: 'message', ref, to, text, state: 'waiting', sentAt: null, refusal: null };
    this.#entries.set(ref, entry);
    return entry;
  }

  #newRef() {
    this.#refs += 1;
    return `${this.#prefix}-${this.#refs}`;
  }

  get(ref) { return this.#entries.get(ref); }

  all() { return [...this.#entries.values()]; }

  to(name) { return this.all().filter((entry) => entry.to === name); }

  // The first that waits, whether it is too long for this server, and how long the next one has to wait for it.
  next() {
    const entry = this.all().find(({ state }) => state === 'waiting');
    if (entry === undefined) return null;
    const frame = frameOf(entry);
    const size = sizeOf(frame);
    const { message, rate, one_more_per: more } = this.limits;
    const turn = rate === 0 ? TURN : Math.max(TURN, 1000 / rate);
    return { entry, frame, isTooLong: size > message, pause: Math.ceil(turn * (1 + Math.floor(size / more))) };
  }

  // Since when the oldest sent message waits for its confirmation; null if none does.
  oldestSent() {
    return this.all().find(({ state }) => state === 'sent')?.sentAt ?? null;
  }

  // What was not confirmed may have been lost with the connection: it waits again, and goes out once more after the return.
  // The server knows it by its ref, and posts it once.
  connectionLost() {
    for (const entry of this.all()) entry.state = 'waiting';
  }

  // Confirmed or refused: it is a part of the talk now.
  settle(ref, state) {
    const entry = this.#entries.get(ref);
    this.#entries.delete(ref);
    entry.state = state;
    return entry;
  }

  // Private messages go on to the person's new name.
  rename(from, name) {
    for (const entry of this.all()) if (entry.to === from) entry.to = name;
  }

  clear() { this.#entries.clear(); }

  // For the browser's storage: a reload must not lose what waits.
  toJSON() { return this.all().map(({ ref, text, to }) => ({ ref, text, to })); }

  // Would this text be too long for one frame? Its ref is as long as any.
  isTooLong(to, text) {
    return sizeOf(frameOf({ ref: `${this.#prefix}-000000`, text, to })) > this.limits.message;
  }
}

function frameOf({ ref, text, to }) {
  return { type: 'message', text, ref, to: to || undefined };
}

function sizeOf(frame) {
  return new TextEncoder().encode(JSON.stringify(frame)).length;
}
