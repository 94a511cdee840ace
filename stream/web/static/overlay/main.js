/* The overlay: what is danced, laid over a picture, and only while it is true. */

import { ask, asked, askedSources, Connection } from "../connection.js";
import { follow, isLive } from "../feed.js";
import { Frames } from "../frames.js";
import { learnGenres } from "../genres.js";
import { arrange, choose, readOptions } from "./options.js";
import { Panel, set } from "./panel.js";

// What is stale has to be gone within two seconds, its fading included.
const TICK_MS = 100;

const options = readOptions(asked);
const stage = document.getElementById("stage");
const frames = new Frames();
const feeds = new Map();
const panels = new Map();
/** Sources that have been live since the page was opened. */
const met = new Set();

function hear(message) {
  const now = performance.now();
  const feed = follow(feeds.get(message.source), message, now);
  feeds.set(message.source, feed);
  if (isLive(feed, true, now)) {
    met.add(message.source);
    panelOf(message.source).hear(message, now);
  }
  show();
}

function panelOf(source) {
  if (!panels.has(source)) {
    panels.set(source, new Panel(source, options, frames));
  }
  return panels.get(source);
}

function meet(state) {
  if (state === "connected") {
    // What was known before may be long past; the server greets with what is known now.
    feeds.clear();
    learn();
  }
  show();
}

/** Asks the server what was before this page was opened. */
async function learn() {
  const response = await ask("status");
  const status = response === null ? null : await response.json().catch(() => null);
  if (status === null) {
    return; // Then the timeline begins empty.
  }
  learnGenres(status.genres ?? {});
  const now = performance.now();
  for (const [source, { history }] of Object.entries(status.sources ?? {})) {
    if (askedSources.length === 0 || askedSources.includes(source)) {
      panelOf(source).timeline?.told(history ?? [], status.now, now);
    }
  }
  for (const source of askedSources.filter((name) => !(name in (status.sources ?? {})))) {
    console.info(`overlay: there is no source ${source} (yet)`);
  }
}

function show() {
  const now = performance.now();
  const connected = connection.state === "connected";
  const isNow = (source) => isLive(feeds.get(source), connected, now);
  const live = new Set([...feeds.keys()].filter(isNow));
  const chosen = choose(options, askedSources, met, live);
  for (const [source, panel] of panels) {
    panel.run(live.has(source), chosen.includes(source), now);
  }
  // What fades away stays where it is.
  if (chosen.length > 0 && chosen.join("\n") !== stage.dataset.sources) {
    stage.dataset.sources = chosen.join("\n");
    stage.replaceChildren(...chosen.map((source) => panelOf(source).element));
    resize();
  }
  set(document.body, "state", stateOf(connected, live));
}

function stateOf(connected, live) {
  if (!connected) {
    return connection.state === "reconnecting" ? "lost" : connection.state;
  }
  if (live.size > 0) {
    return "live";
  }
  return feeds.size === 0 ? "connecting" : "stale";
}

function resize() {
  const panels = stage.children.length;
  const { columns, shape, unit } = arrange(options, innerWidth, innerHeight, panels);
  document.documentElement.style.fontSize = `${10 * unit}px`;
  stage.style.setProperty("--columns", columns);
  set(stage, "shape", shape);
  set(stage, "shared", String(panels > 1));
}

for (const name of ["theme", "layout", "corner", "fit"]) {
  document.body.dataset[name] = options[name];
}
options.notes.forEach((note) => console.info(note));
addEventListener("resize", resize);
resize();

const connection = new Connection({ onState: meet, onMessage: hear });
setInterval(show, TICK_MS);
document.addEventListener("visibilitychange", show);
