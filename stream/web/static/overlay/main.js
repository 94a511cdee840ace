/* Overlay: shows the current genre over a video, and only while it is live. */

import { AnimationLoop } from "../animation.js";
import { Connection, request, requestedSources, urlParameters } from "../connection.js";
import { setData } from "../elements.js";
import { isLive, updateFeed } from "../feed.js";
import { setGenreNames } from "../genres.js";
import { dividePanels, readOptions, selectSources } from "./options.js";
import { Panel } from "./panel.js";

// Stale content must be gone within two seconds, including the fade.
const RENDER_INTERVAL_MS = 100;

const options = readOptions(urlParameters);
const stage = document.getElementById("stage");
const animation = new AnimationLoop();
const feeds = new Map();
const panels = new Map();
/** Sources that have been live since the page was opened. */
const everLive = new Set();

function onMessage(message) {
  const now = performance.now();
  const feed = updateFeed(feeds.get(message.source), message, now);
  feeds.set(message.source, feed);
  if (isLive(feed, true, now)) {
    everLive.add(message.source);
    getOrCreatePanel(message.source).update(message, now);
  }
  render();
}

function getOrCreatePanel(source) {
  if (!panels.has(source)) {
    panels.set(source, new Panel(source, options, animation));
  }
  return panels.get(source);
}

function onConnectionState(state) {
  if (state === "connected") {
    // Older messages may be outdated; the server sends the latest ones after connecting.
    feeds.clear();
    loadStatus();
  }
  render();
}

/** Load the genre names, and the history from before the page was opened. */
async function loadStatus() {
  const response = await request("status");
  const status = response === null ? null : await response.json().catch(() => null);
  if (status === null) {
    return; // The timeline starts empty.
  }
  setGenreNames(status.genres ?? {});
  const now = performance.now();
  const sources = status.sources ?? {};
  for (const [source, { history }] of Object.entries(sources)) {
    if (requestedSources.length === 0 || requestedSources.includes(source)) {
      getOrCreatePanel(source).timeline?.addHistory(history ?? [], status.now, now);
    }
  }
  for (const source of requestedSources.filter((name) => !(name in sources))) {
    console.info(`overlay: source ${source} does not exist (yet)`);
  }
}

function render() {
  const now = performance.now();
  const connected = connection.state === "connected";
  const liveNow = new Set(
    [...feeds.keys()].filter((source) => isLive(feeds.get(source), connected, now)),
  );
  const selected = selectSources(options, requestedSources, everLive, liveNow);
  for (const [source, panel] of panels) {
    panel.setLive(liveNow.has(source), selected.includes(source), now);
  }
  // If no source is selected, the panels stay where they are while they fade out.
  if (selected.length > 0 && selected.join("\n") !== stage.dataset.sources) {
    stage.dataset.sources = selected.join("\n");
    stage.replaceChildren(...selected.map((source) => getOrCreatePanel(source).element));
    resize();
  }
  setData(document.body, "state", pageState(connected, liveNow));
}

function pageState(connected, liveNow) {
  if (!connected) {
    return connection.state === "reconnecting" ? "lost" : connection.state;
  }
  if (liveNow.size > 0) {
    return "live";
  }
  return feeds.size === 0 ? "connecting" : "stale";
}

function resize() {
  const count = stage.children.length;
  const { columns, shape, unit } = dividePanels(options, innerWidth, innerHeight, count);
  document.documentElement.style.fontSize = `${10 * unit}px`;
  stage.style.setProperty("--columns", columns);
  setData(stage, "shape", shape);
  setData(stage, "shared", String(count > 1));
}

for (const name of ["theme", "layout", "corner", "fit"]) {
  document.body.dataset[name] = options[name];
}
options.warnings.forEach((warning) => console.info(warning));
addEventListener("resize", resize);
resize();

// The page of `dancetype overlay-page` shows this one when it has started.
if (parent !== window) {
  parent.postMessage("dancetype overlay started", "*");
}

const connection = new Connection({ onState: onConnectionState, onMessage });
setInterval(render, RENDER_INTERVAL_MS);
document.addEventListener("visibilitychange", render);
