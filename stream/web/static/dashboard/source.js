/* What is known of one source, from messages and from /status, and what to show of it. */

import { merge } from "./history.js";
import { follow, view } from "../feed.js";
import { note } from "../timeline.js";

const FAULTY = new Set(["stalled", "reconnecting", "failed"]);
const STALE = "stale";
/** Is given frames, and was not heard of yet. */
const RUNNING = "running";
/** Seconds of latency, as a rule, from which on what is said is of another moment. */
const LATE = 2;
const UNKNOWN = { state: null, reason: null, since: null, asOf: -Infinity };

/** Takes over what is told of a source's state, unless something newer is known. */
export function learnState(known, told) {
  if (told.asOf < known.asOf) {
    return known;
  }
  const same = told.state === known.state && known.since !== null;
  return { ...told, since: same ? Math.min(known.since, told.since) : told.since };
}

function isLate(latencyLately) {
  return latencyLately?.total.p50 >= LATE;
}

/** Why a source needs somebody to look after it: a list of a few words each. */
export function troubles(shown, latencyLately, broker) {
  const found = [];
  if (FAULTY.has(shown.state)) {
    found.push(shown.state);
  } else if (shown.state === STALE) {
    found.push("no signal");
  }
  if (shown.live && isLate(latencyLately)) {
    found.push(`${Math.round(latencyLately.total.p50)} s late`);
  }
  if (broker === false) {
    found.push("MQTT not connected");
  }
  return found;
}

export class Source {
  constructor(name) {
    this.name = name;
    this.history = [];
    this.lastError = null;
    this.forget();
  }

  /** For a new connection: what was known may be long past. What went wrong stays. */
  forget() {
    this.feed = undefined;
    this.prediction = null;
    this.told = null;
    this.broker = null;
    this.state = UNKNOWN;
  }

  /** Takes a message, heard at `now` (milliseconds of the page's clock). */
  hear(message, now) {
    this.feed = follow(this.feed, message, now);
    if (message.type === "source") {
      const { sent } = message.times;
      this.learnState({ state: message.state, reason: message.reason, since: sent, asOf: sent });
    } else {
      this.prediction = message;
    }
  }

  /** Takes what /status tells of it at `asOf`, in seconds of the server's clock. */
  learn(told, broker, asOf) {
    this.told = told;
    this.broker = broker;
    this.history = merge(told.history, this.history, asOf);
    if (told.state !== null) {
      const { state, reason, since } = told;
      this.learnState({ state, reason, since, asOf });
    }
  }

  learnState(told) {
    this.state = learnState(this.state, told);
    if (FAULTY.has(told.state) && told.reason) {
      this.lastError = { at: told.since, state: told.state, reason: told.reason };
    }
  }

  /**
   * What to show, whether or not the page is `connected`, at `now` (milliseconds of the page's
   * clock), which is `serverNow` (seconds of the server's).
   */
  look(connected, now, serverNow) {
    const shown = view(this.feed ?? this.stateAlone(now), connected, now);
    this.remember(shown, serverNow);
    const running = shown.live || shown.state === RUNNING;
    const isState = running || shown.state === this.state.state;
    return {
      ...shown,
      name: this.name,
      connected,
      now: serverNow,
      // Of a page without a connection nobody knows since when.
      since: isState ? this.state.since : null,
      faulty: FAULTY.has(shown.state) || shown.state === STALE,
      troubles: connected ? troubles(shown, this.told?.latency, this.broker) : [],
      lastError: this.lastError,
      broker: connected ? this.broker : null,
      message: this.prediction,
      dancers: shown.live ? (this.prediction.dancers ?? []) : [],
      latency: shown.live ? this.prediction.latency : null,
      latencyLately: connected ? (this.told?.latency ?? null) : null,
      late: shown.live && isLate(this.told?.latency),
      frames: this.prediction?.frames ?? this.told?.frames ?? null,
      reconnects: this.told?.reconnects ?? null,
      history: this.history,
    };
  }

  /** Before the first message, what /status tells has to do. */
  stateAlone(now) {
    const { state, reason } = this.state;
    const message = { type: "source", state: state ?? "connecting", reason };
    return { message, heard: now, confirmed: true };
  }

  remember(shown, at) {
    if (shown.live) {
      const { status, genre } = this.prediction;
      this.history = note(this.history, { at, status, genre });
    } else if (this.history.length > 0 && shown.state !== RUNNING) {
      this.history = note(this.history, { at, status: "silent", genre: null });
    }
  }
}
