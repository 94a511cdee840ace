/* The newest message of a source (its feed), whether it is live, and the text to show for it. */

import { genreName } from "./genres.js";

/** Milliseconds without a message after which a source is stale. */
export const STALE_MS = 1500;

/** Headlines for statuses without a genre. */
export const STATUS_TEXTS = {
  not_sure: "not sure",
  no_person: "no person",
  warming_up: "warming up",
};

const STATUS_DETAILS = {
  warming_up: "needs a few seconds of dance",
};

const STATE_HEADLINES = {
  stalled: "no frames",
};

// Probability below which a person without a genre is not dancing.
const MIN_DANCING = 0.2;

// Share of the elapsed time by which the shortest transit time may grow: more than the drift
// between two clocks, but too little for a delay to pass as drift.
const DRIFT_ALLOWANCE = 0.0005;

/**
 * Return the feed of a source after a message that arrived at `now`.
 *
 * After connecting, the server sends the latest state and prediction of each source, however old.
 * A feed is therefore `confirmed` only after a second message of the same type. A congested network
 * delays messages: `sentAt`, the estimated time of sending, is `arrivedAt` minus the time by which
 * the transit exceeded the shortest transit so far. The clocks of server and page may differ, so
 * all ages are measured with `performance.now()`.
 */
export function updateFeed(feed, message, now) {
  // Includes the unknown offset between the clocks, which cancels out below.
  const transit = now - message.times.sent * 1000;
  const previousShortest = feed
    ? feed.shortestTransit + (now - feed.arrivedAt) * DRIFT_ALLOWANCE
    : transit;
  const shortestTransit = Math.min(transit, previousShortest);
  return {
    message,
    arrivedAt: now,
    sentAt: now - (transit - shortestTransit),
    shortestTransit,
    confirmed: feed !== undefined && (feed.confirmed || feed.message.type === message.type),
  };
}

/** Return whether the message of a feed is a current prediction. */
export function isLive(feed, connected, now) {
  const { message, sentAt, confirmed } = feed;
  return connected && message.type === "prediction" && confirmed && now - sentAt <= STALE_MS;
}

/** Return the text for a result without a genre, or undefined. */
export function statusText(result) {
  return isNotDancing(result) ? "not dancing" : STATUS_TEXTS[result.status];
}

function isNotDancing({ status, dancing }) {
  // `dancing` is null if the model does not distinguish dance from other motion.
  return status === "not_sure" && typeof dancing === "number" && dancing < MIN_DANCING;
}

/** Return the texts and values to show for a feed. */
export function describeFeed(feed, connected, now) {
  const { message, sentAt } = feed;
  const age = now - sentAt;
  if (!connected) {
    return notLive("no connection", "no connection", lastMessageText(message, age));
  }
  if (message.type === "source") {
    return describeState(message, age);
  }
  if (age > STALE_MS) {
    return notLive("stale", "no signal", lastMessageText(message, age));
  }
  if (!isLive(feed, connected, now)) {
    return notLive("running", "starting", "");
  }
  const likeliest = message.genre ?? likeliestGenre(message.probabilities);
  return {
    live: true,
    state: "live",
    headline: statusText(message) ?? message.name ?? message.status,
    detail: detailText(message, likeliest),
    genre: message.genre,
    confidence: message.status === "genre" ? percent(message.confidence) : "",
    probabilities: message.probabilities,
    likeliest,
    fps: message.fps.toFixed(1) + (message.pose_fps ? ` of ${message.pose_fps}` : ""),
  };
}

function detailText(message, likeliest) {
  if (message.status === "not_sure" && likeliest !== null && !isNotDancing(message)) {
    return `most likely: ${genreName(likeliest)}`;
  }
  return STATUS_DETAILS[message.status] ?? "";
}

function describeState(message, age) {
  if (message.state === "running" || message.state === "bursty") {
    return age > STALE_MS
      ? notLive("stale", "no signal", "no prediction yet")
      : notLive("running", "starting", "");
  }
  const headline = STATE_HEADLINES[message.state] ?? message.state;
  return notLive(message.state, headline, message.reason ?? "");
}

function notLive(state, headline, detail) {
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
  };
}

function lastMessageText(message, age) {
  const text = `last message ${Math.round(age / 1000)} s ago`;
  return message.type === "prediction" && message.name ? `${text}: ${message.name}` : text;
}

/** Return the code with the highest probability; null if all are 0, before the first window. */
export function likeliestGenre(probabilities) {
  const higher = (a, b) => (b[1] > a[1] ? b : a);
  return Object.entries(probabilities).reduce(higher, [null, 0])[0];
}

export function percent(probability) {
  return `${Math.round(probability * 100)}%`;
}
