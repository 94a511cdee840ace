/* The page of a run: every source, and only what is said of it now. */

import { Connection, ask, askedSources } from "../connection.js";
import { Card } from "./card.js";
import { setText } from "../elements.js";
import { OverlayDialog } from "./overlay.js";
import { PictureRound } from "./picture.js";
import { Announcer, RunPanel } from "./run.js";
import { Source } from "./source.js";
import { genreName, learnGenres } from "../genres.js";

const TICK_MS = 250;
const STATUS_MS = 2000;
// The server greets at once; /status is not asked before, as the token may be wrong.
const GREETING_MS = 700;
/** From so many sources on each gets less room. */
const MANY = 4;
/** Up to so many, all there is to know of them is open. */
const FEW = 2;

const board = document.getElementById("sources");
const waiting = document.getElementById("waiting");
const wide = window.matchMedia("(min-width: 48rem)");
/** Source and card by name, in the order of the page. */
const shown = new Map();
const panel = new RunPanel();
const pictures = new PictureRound();
const overlay = new OverlayDialog();
const announcer = new Announcer(document.getElementById("announcer"));

let made = 0;
// Seconds by which the server's clock is ahead of this page's. No message comes before it is sent,
// so the freshest one tells most truly.
let ahead = -Infinity;
let asking = false;
let admitted = false;

function serverNow(now) {
  return Number.isFinite(ahead) ? now / 1000 + ahead : Date.now() / 1000;
}

function hearClock(sent, now) {
  ahead = Math.max(ahead, sent - now / 1000);
}

function entry(name) {
  if (!shown.has(name)) {
    made += 1;
    const card = new Card(name, made, () => overlay.open([...shown.keys()], name));
    shown.set(name, { source: new Source(name), card, look: null, seen: -Infinity });
    board.append(card.element);
    pictures.add(card);
    arrange();
  }
  return shown.get(name);
}

/** How much room there is for each. */
function arrange() {
  board.classList.toggle("many", shown.size >= MANY);
  for (const { card } of shown.values()) {
    card.unfold(wide.matches && shown.size <= FEW);
  }
}

function hear(message) {
  const now = performance.now();
  hearClock(message.times.sent, now);
  const each = entry(message.source);
  each.source.hear(message, now);
  showSource(each, now);
}

function meet(state) {
  asking = false;
  admitted = false;
  if (state === "connected") {
    ahead = -Infinity;
    for (const { source } of shown.values()) {
      source.forget();
    }
    setTimeout(() => {
      admitted = connection.state === "connected";
      poll();
    }, GREETING_MS);
  }
  show();
}

async function poll() {
  if (asking || document.hidden || !admitted) {
    return;
  }
  asking = true;
  const response = await ask("status");
  const status = await response?.json().catch(() => null);
  asking = false;
  if (status && admitted) {
    learn(status);
  }
}

function learn(status) {
  hearClock(status.now, performance.now());
  learnGenres(status.genres);
  const told = Object.keys(status.sources);
  const names =
    askedSources.length > 0 ? askedSources.filter((name) => told.includes(name)) : told;
  for (const name of names) {
    const broker = status.mqtt?.connected[name] ?? null;
    const { source, card } = entry(name);
    card.know(Object.keys(status.genres));
    source.learn(status.sources[name], broker, status.now);
  }
  for (const [name, { source, card }] of [...shown]) {
    if (!names.includes(name) && source.feed === undefined) {
      shown.delete(name); // Of a run before this one.
      pictures.remove(card);
      card.element.remove();
      arrange();
    }
  }
  order(names);
  pictures.offered = status.preview;
  panel.showStatus(status);
  show();
}

/** Puts the cards in the order of `names`; touches them only where it is another one. */
function order(names) {
  const rest = [...shown.keys()].filter((name) => !names.includes(name));
  const wished = [...names, ...rest];
  if (wished.join("\n") === [...shown.keys()].join("\n")) {
    return;
  }
  const entries = wished.map((name) => [name, shown.get(name)]);
  shown.clear();
  for (const [name, each] of entries) {
    shown.set(name, each);
    board.append(each.card.element);
  }
}

function showSource(each, now) {
  const { source, card } = each;
  each.look = source.look(connection.state === "connected", now, serverNow(now));
  each.seen = now;
  card.show(each.look);
  announcer.hear(source.name, each.look.genre && genreName(each.look.genre));
}

/** Shows everything; what a message has just shown only if its connection is another now. */
function show() {
  const now = performance.now();
  for (const each of shown.values()) {
    if (now - each.seen >= TICK_MS || each.look.connected !== (connection.state === "connected")) {
      showSource(each, now);
    }
  }
  panel.showConnection(connection.state);
  panel.showAttention([...shown.values()]);
  setText(waiting, `waiting for ${askedSources.join(", ") || "a source"}`);
  waiting.hidden = shown.size > 0 || connection.state === "barred";
}

document.getElementById("overlay-all").addEventListener("click", () => {
  overlay.open([...shown.keys()]);
});
const connection = new Connection({ onState: meet, onMessage: hear });
setInterval(show, TICK_MS);
setInterval(poll, STATUS_MS);
document.addEventListener("visibilitychange", () => {
  show();
  poll();
});
wide.addEventListener("change", arrange);
