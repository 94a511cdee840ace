/* The page of a run: every source, and only what is said of it now. */

import { Connection } from "./connection.js";
import { follow, percent, view } from "./feed.js";
import { genreHue, genreName } from "./genres.js";

const TICK_MS = 250;

const CONNECTION_WORDS = {
  barred: "token needed: open this page with ?token=… at the end of its address",
};

class Card {
  constructor(name) {
    this.element = clone("source");
    this.bars = new Map();
    this.part("source-name").textContent = name;
  }

  part(name) {
    return this.element.querySelector(`.${name}`);
  }

  show(view) {
    this.element.classList.toggle("live", view.live);
    this.element.classList.toggle("named", view.genre !== null);
    if (view.likeliest !== null) {
      this.element.style.setProperty("--hue", genreHue(view.likeliest));
    }
    this.headline(view.headline);
    this.text("state", view.state);
    this.text("detail", view.detail);
    this.text("confidence-value", view.confidence);
    this.text("fps", view.fps);
    this.text("latency", view.latency);
    this.text("dropped", view.dropped);
    this.part("detail").hidden = view.detail === "";
    this.part("confidence").hidden = view.confidence === "";
    this.showBars(view.probabilities, view.likeliest);
  }

  text(name, value) {
    const element = this.part(name);
    if (element.textContent !== value) {
      element.textContent = value;
    }
  }

  headline(value) {
    const element = this.part("headline");
    if (element.textContent === value) {
      return; // Screen readers would say it again.
    }
    const words = value.split(" ").map((word) => {
      const span = document.createElement("span");
      span.className = "word";
      span.textContent = word;
      return span;
    });
    element.replaceChildren(...words.flatMap((word, i) => (i ? [" ", word] : [word])));
  }

  showBars(probabilities, likeliest) {
    for (const code of Object.keys(probabilities)) {
      if (!this.bars.has(code)) {
        const bar = clone("genre");
        bar.querySelector(".genre-name").textContent = genreName(code);
        this.part("genres").append(bar);
        this.bars.set(code, bar);
      }
    }
    for (const [code, bar] of this.bars) {
      const probability = probabilities[code];
      bar.classList.toggle("likeliest", code === likeliest);
      bar.querySelector(".fill").style.setProperty("--probability", probability ?? 0);
      bar.querySelector(".percent").textContent =
        probability === undefined ? "–" : percent(probability);
    }
  }
}

function clone(template) {
  return document.getElementById(template).content.firstElementChild.cloneNode(true);
}

const feeds = new Map();
const cards = new Map();

function hear(message) {
  const feed = follow(feeds.get(message.source), message, performance.now(), Date.now());
  feeds.set(message.source, feed);
  if (!cards.has(message.source)) {
    const card = new Card(message.source);
    cards.set(message.source, card);
    document.getElementById("sources").append(card.element);
  }
  show();
}

function meet(state) {
  if (state === "connected") {
    // What was known before may be long past; the server greets with what is known now.
    feeds.clear();
    cards.clear();
    document.getElementById("sources").replaceChildren();
  }
  show();
}

function show() {
  const now = performance.now();
  for (const [source, feed] of feeds) {
    cards.get(source).show(view(feed, connection.state === "connected", now));
  }
  const line = document.getElementById("connection");
  const words = CONNECTION_WORDS[connection.state] ?? connection.state;
  line.classList.toggle("connected", connection.state === "connected");
  if (line.textContent !== words) {
    line.textContent = words;
  }
  document.getElementById("waiting").hidden = cards.size > 0 || connection.state === "barred";
}

const connection = new Connection({ onState: meet, onMessage: hear });
setInterval(show, TICK_MS);
document.addEventListener("visibilitychange", show);
