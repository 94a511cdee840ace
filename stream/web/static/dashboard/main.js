/* Dashboard: shows all sources of a run live. */

import { Connection, request, requestedSources } from "../connection.js";
import { setText } from "../elements.js";
import { genreName, setGenreNames } from "../genres.js";
import { Card } from "./card.js";
import { OverlayDialog } from "./overlay_dialog.js";
import { PreviewLoader } from "./preview.js";
import { Announcer, RunPanel } from "./run_panel.js";
import { Source } from "./source.js";

const RENDER_INTERVAL_MS = 250;
const STATUS_INTERVAL_MS = 2000;
// A server that rejects the token closes the connection within this time. The page requests /status
// only afterwards, so that a wrong token causes no failed requests.
const TOKEN_CHECK_MS = 700;
/** From this number of sources on, the cards are compact. */
const MIN_COMPACT = 4;
/** Up to this number of sources, the details are open. */
const MAX_DETAILED = 2;

const grid = document.getElementById("sources");
const waiting = document.getElementById("waiting");
const wideScreen = window.matchMedia("(min-width: 48rem)");
/** Source, card and view by name, in the order on the page. */
const entries = new Map();
const runPanel = new RunPanel();
const previews = new PreviewLoader();
const overlayDialog = new OverlayDialog();
const announcer = new Announcer(document.getElementById("announcer"));

let cardsCreated = 0;
// Seconds by which the server's clock is ahead of the page's clock. Each message gives a value that
// is too low by its transit time, so the highest one is the most accurate.
let clockOffset = -Infinity;
let statusRequested = false;
let mayRequestStatus = false;

const isConnected = () => connection.state === "connected";

function serverTime(now) {
  return Number.isFinite(clockOffset) ? now / 1000 + clockOffset : Date.now() / 1000;
}

function updateClockOffset(sent, now) {
  clockOffset = Math.max(clockOffset, sent - now / 1000);
}

/** Return the entry of a source, with a new card if it has none. */
function getOrCreateEntry(name) {
  if (!entries.has(name)) {
    cardsCreated += 1;
    const card = new Card(name, cardsCreated, () => overlayDialog.open([...entries.keys()], name));
    entries.set(name, { source: new Source(name), card, view: null, renderedAt: -Infinity });
    grid.append(card.element);
    previews.add(card);
    adjustLayout();
  }
  return entries.get(name);
}

function removeEntry(name) {
  const { card } = entries.get(name);
  entries.delete(name);
  previews.remove(card);
  card.element.remove();
  adjustLayout();
}

/** Adjust the size of the cards to their number. */
function adjustLayout() {
  grid.classList.toggle("compact", entries.size >= MIN_COMPACT);
  for (const { card } of entries.values()) {
    card.setDetailsOpen(wideScreen.matches && entries.size <= MAX_DETAILED);
  }
}

function onMessage(message) {
  const now = performance.now();
  updateClockOffset(message.times.sent, now);
  const entry = getOrCreateEntry(message.source);
  entry.source.onMessage(message, now);
  renderEntry(entry, now);
}

function onConnectionState(state) {
  statusRequested = false;
  mayRequestStatus = false;
  if (state === "connected") {
    clockOffset = -Infinity;
    for (const { source } of entries.values()) {
      source.reset();
    }
    setTimeout(() => {
      mayRequestStatus = isConnected();
      pollStatus();
    }, TOKEN_CHECK_MS);
  }
  render();
}

async function pollStatus() {
  if (statusRequested || document.hidden || !mayRequestStatus) {
    return;
  }
  statusRequested = true;
  const response = await request("status");
  const status = await response?.json().catch(() => null);
  statusRequested = false;
  if (status && mayRequestStatus) {
    onStatus(status);
  }
}

function onStatus(status) {
  updateClockOffset(status.now, performance.now());
  setGenreNames(status.genres);
  const allNames = Object.keys(status.sources);
  const names =
    requestedSources.length > 0
      ? requestedSources.filter((name) => allNames.includes(name))
      : allNames;
  for (const name of names) {
    const brokerConnected = status.mqtt?.connected[name] ?? null;
    const isShared = status.mqtt?.shared.includes(name) ?? false;
    const { source, card } = getOrCreateEntry(name);
    card.addBars(Object.keys(status.genres));
    source.onStatus(status.sources[name], { brokerConnected, isShared }, status.now);
  }
  for (const [name, { source }] of [...entries]) {
    if (!names.includes(name) && source.feed === undefined) {
      removeEntry(name); // A source of a previous run.
    }
  }
  sortCards(names);
  previews.available = status.preview;
  runPanel.showStatus(status);
  render();
}

/** Sort the cards in the order of `names`; changes the page only if the order differs. */
function sortCards(names) {
  const otherNames = [...entries.keys()].filter((name) => !names.includes(name));
  const sortedNames = [...names, ...otherNames];
  if (sortedNames.join("\n") === [...entries.keys()].join("\n")) {
    return;
  }
  const sorted = sortedNames.map((name) => [name, entries.get(name)]);
  entries.clear();
  for (const [name, entry] of sorted) {
    entries.set(name, entry);
    grid.append(entry.card.element);
  }
}

function renderEntry(entry, now) {
  const { source, card } = entry;
  entry.view = source.view(isConnected(), now, serverTime(now));
  entry.renderedAt = now;
  card.show(entry.view);
  announcer.update(source.name, entry.view.genre && genreName(entry.view.genre));
}

/** Render the page; cards that a message has just updated only if the connection has changed. */
function render() {
  const now = performance.now();
  for (const entry of entries.values()) {
    const isRecent = now - entry.renderedAt < RENDER_INTERVAL_MS;
    if (!isRecent || entry.view.connected !== isConnected()) {
      renderEntry(entry, now);
    }
  }
  runPanel.showConnection(connection.state);
  runPanel.showAttention([...entries.values()]);
  setText(waiting, `waiting for ${requestedSources.join(", ") || "a source"}`);
  waiting.hidden = entries.size > 0 || connection.state === "unauthorised";
}

document.getElementById("overlay-all").addEventListener("click", () => {
  overlayDialog.open([...entries.keys()]);
});
const connection = new Connection({ onState: onConnectionState, onMessage });
setInterval(render, RENDER_INTERVAL_MS);
setInterval(pollStatus, STATUS_INTERVAL_MS);
document.addEventListener("visibilitychange", () => {
  render();
  pollStatus();
});
wideScreen.addEventListener("change", adjustLayout);
