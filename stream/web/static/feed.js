/* What is known of one source (a feed), and what to show of it: pure functions. */

import { genreName } from "./genres.js";

/** Milliseconds without a message after which what is shown of a source is stale. */
export const STALE_MS = 1500;

/** What is said where no genre is named, by status. */
export const QUIET_WORDS = {
  not_sure: "not sure",
  no_person: "no dancer",
  warming_up: "warming up",
};

const DETAILS = {
  warming_up: "needs a few seconds of dance",
  no_person: "nobody in view",
};

const STATES = {
  stalled: "no picture",
  reconnecting: "looking for it",
};

// Faster than two clocks drift apart, and slow enough not to take a delay for drift.
const FORGOTTEN = 0.0005;

/**
 * Takes a message, heard at `now`, into the feed of its source.
 *
 * The server greets whoever joins with the last state and prediction of each source, however old,
 * so a feed is `confirmed` only once another of the same type follows. And a full network delivers
 * late: what took longer than the fastest message before it counts as `heard` that much earlier.
 * All ages are measured on one clock, `performance.now()`, as those of two machines may differ.
 */
export function follow(feed, message, now) {
  const underway = now - message.times.sent * 1000;
  const before = feed ? feed.fastest + (now - feed.arrived) * FORGOTTEN : underway;
  const fastest = Math.min(underway, before);
  return {
    message,
    arrived: now,
    heard: now - (underway - fastest),
    fastest,
    confirmed: feed !== undefined && (feed.confirmed || feed.message.type === message.type),
  };
}

/** Whether the feed's message is a prediction that is true now. */
export function isLive(feed, connected, now) {
  const { message, heard, confirmed } = feed;
  return connected && message.type === "prediction" && confirmed && now - heard <= STALE_MS;
}

export function view(feed, connected, now) {
  const { message, heard } = feed;
  const silent = now - heard;
  if (!connected) {
    return quiet("no connection", "no connection", ago(message, silent));
  }
  if (message.type === "source") {
    return viewState(message, silent);
  }
  if (silent > STALE_MS) {
    return quiet("stale", "no signal", ago(message, silent));
  }
  if (!isLive(feed, connected, now)) {
    return quiet("running", "starting", "");
  }
  const likeliest = message.genre ?? highest(message.probabilities);
  const [headline, detail] = words(message, likeliest);
  return {
    live: true,
    state: "live",
    headline,
    detail,
    genre: message.genre,
    confidence: message.status === "genre" ? percent(message.confidence) : "",
    probabilities: message.probabilities,
    likeliest,
    fps: message.fps.toFixed(1),
    latency: `${Math.round((message.times.sent - message.times.capture) * 1000)} ms`,
    dropped: String(message.frames.dropped),
  };
}

function words(message, likeliest) {
  const nearest = message.status === "not_sure" && likeliest !== null;
  return [
    QUIET_WORDS[message.status] ?? message.name ?? message.status,
    nearest ? `nearest is ${genreName(likeliest)}` : (DETAILS[message.status] ?? ""),
  ];
}

/** Code of the highest probability, or null where all are 0: there was no window. */
export function highest(probabilities) {
  const best = (a, b) => (b[1] > a[1] ? b : a);
  return Object.entries(probabilities).reduce(best, [null, 0])[0];
}

function viewState(message, silent) {
  if (message.state === "running") {
    return silent > STALE_MS
      ? quiet("stale", "no signal", "no prediction yet")
      : quiet("running", "starting", "");
  }
  const headline = STATES[message.state] ?? message.state;
  return quiet(message.state, headline, message.reason ?? "");
}

function quiet(state, headline, detail) {
  return {
    live: false,
    state,
    headline,
    detail,
    genre: null,
    confidence: "",
    probabilities: {},
    likeliest: null,
    fps: "–",
    latency: "–",
    dropped: "–",
  };
}

function ago(message, silent) {
  const seconds = Math.round(silent / 1000);
  const last = message.type === "prediction" && message.name ? `last was ${message.name}, ` : "";
  return `${last}last heard ${seconds} s ago`;
}

export function percent(probability) {
  return `${Math.round(probability * 100)}%`;
}
