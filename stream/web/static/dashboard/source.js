/* State of one source, from messages and from /status. */

import { describeFeed, updateFeed } from "../feed.js";
import { appendChange } from "../genre_history.js";
import { mergeHistory } from "./history.js";

const FAULT_STATES = new Set(["stalled", "reconnecting", "failed"]);
const STALE = "stale";
/** State of a source that delivers frames, but has no live prediction yet. */
const RUNNING = "running";
/** State of a source whose frames are delayed, since they arrive in bursts. */
const BURSTY = "bursty";
/** Median latency in seconds from which on a source needs attention. */
const LATE_FROM = 2;
const NO_MQTT = { brokerConnected: null, isShared: false };
const UNKNOWN_STATE = { state: null, reason: null, since: null, asOf: -Infinity };

/** Return the newer of two states; if the state is unchanged, with the earlier `since`. */
export function newerState(known, reported) {
  if (reported.asOf < known.asOf) {
    return known;
  }
  const unchanged = reported.state === known.state && known.since !== null;
  return { ...reported, since: unchanged ? Math.min(known.since, reported.since) : reported.since };
}

function isLate(latencyLastMinute) {
  return latencyLastMinute?.total.p50 >= LATE_FROM;
}

/** Return the problems for which a source needs attention, each in a few words. */
export function findProblems(description, latencyLastMinute, { brokerConnected, isShared }) {
  const problems = [];
  if (FAULT_STATES.has(description.state)) {
    problems.push(description.state);
  } else if (description.state === STALE) {
    problems.push("no signal");
  }
  if (description.live && isLate(latencyLastMinute)) {
    problems.push(`latency ${Math.round(latencyLastMinute.total.p50)} s`);
  }
  if (brokerConnected === false) {
    problems.push("MQTT not connected");
  }
  if (isShared) {
    problems.push("another run publishes under this name");
  }
  return problems;
}

export class Source {
  constructor(name) {
    this.name = name;
    this.history = [];
    this.lastError = null;
    this.reset();
  }

  /** Reset the values that may be outdated after reconnecting; history and last error remain. */
  reset() {
    this.feed = undefined;
    this.prediction = null;
    this.status = null;
    this.mqtt = NO_MQTT;
    this.state = UNKNOWN_STATE;
  }

  /** Process a message that arrived at `now` (milliseconds on the page's clock). */
  onMessage(message, now) {
    this.feed = updateFeed(this.feed, message, now);
    if (message.type === "source") {
      const { sent } = message.times;
      this.updateState({ state: message.state, reason: message.reason, since: sent, asOf: sent });
    } else {
      this.prediction = message;
    }
  }

  /** Process the entry of this source in /status at `asOf` (seconds on the server's clock). */
  onStatus(status, mqtt, asOf) {
    this.status = status;
    this.mqtt = mqtt;
    this.history = mergeHistory(status.history, this.history, asOf);
    if (status.state !== null) {
      const { state, reason, since } = status;
      this.updateState({ state, reason, since, asOf });
    }
  }

  updateState(reported) {
    this.state = newerState(this.state, reported);
    if (FAULT_STATES.has(reported.state) && reported.reason) {
      this.lastError = { at: reported.since, state: reported.state, reason: reported.reason };
    }
  }

  /**
   * Return everything that the card shows.
   *
   * `connected` says whether the page is connected. `now` is in milliseconds on the page's clock,
   * `serverNow` is the same time in seconds on the server's clock.
   */
  view(connected, now, serverNow) {
    const description = describeFeed(this.feed ?? this.feedFromStatus(now), connected, now);
    const { live, state } = description;
    this.recordHistory(description, serverNow);
    const isSourceState = live || state === RUNNING || state === this.state.state;
    const latencyLastMinute = this.status?.latency ?? null;
    const notes = this.state.state === BURSTY ? ["frames in bursts"] : [];
    if (live && this.status?.hint) {
      notes.push(this.status.hint);
    }
    return {
      ...description,
      name: this.name,
      connected,
      now: serverNow,
      // The start of a state that only the page knows, such as "stale", is unknown.
      since: isSourceState ? this.state.since : null,
      faulty: FAULT_STATES.has(state) || state === STALE,
      problems: connected
        ? [...findProblems(description, latencyLastMinute, this.mqtt), ...notes]
        : [],
      lastError: this.lastError,
      brokerConnected: connected ? this.mqtt.brokerConnected : null,
      image: this.prediction?.image,
      dancers: live ? (this.prediction.dancers ?? []) : [],
      latency: live ? this.prediction.latency : null,
      latencyLastMinute: connected ? latencyLastMinute : null,
      late: live && isLate(latencyLastMinute),
      frames: this.prediction?.frames ?? this.status?.frames ?? null,
      reconnects: this.status?.reconnects ?? null,
      history: this.history,
    };
  }

  /** Return a feed for the time before the first message, with the state from /status. */
  feedFromStatus(now) {
    const { state, reason } = this.state;
    const message = { type: "source", state: state ?? "connecting", reason };
    return { message, sentAt: now, confirmed: true };
  }

  recordHistory({ live, state }, at) {
    if (live) {
      const { status, genre } = this.prediction;
      this.history = appendChange(this.history, { at, status, genre });
    } else if (this.history.length > 0 && state !== RUNNING) {
      this.history = appendChange(this.history, { at, status: "silent", genre: null });
    }
  }
}
