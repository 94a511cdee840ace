/* Shows what dancetype says, and only while it says it. docs/protocol.md tells the messages. */

const GENRES = {
  BR: { name: "break", hue: 25 },
  PO: { name: "pop", hue: 345 },
  LO: { name: "lock", hue: 85 },
  MH: { name: "middle hip-hop", hue: 260 },
  LH: { name: "LA-style hip-hop", hue: 225 },
  HO: { name: "house", hue: 155 },
  WA: { name: "waack", hue: 320 },
  KR: { name: "krump", hue: 50 },
  JS: { name: "street jazz", hue: 190 },
  JB: { name: "ballet jazz", hue: 295 },
};

const STATUSES = {
  warming_up: ["warming up", "needs a few seconds of dance"],
  no_person: ["no dancer", "nobody in view"],
};

const STATES = {
  stalled: "no picture",
  reconnecting: "looking for it",
};

const STALE_MS = 1500;
const TICK_MS = 250;
// The server's heart beats each second.
const SILENCE_MS = 10000;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30000;
const TOKEN_NEEDED = 4401;

/* ---- What to show: pure functions of a feed (what is known of one source) and the time ---- */

/**
 * Takes a message into the feed of its source.
 *
 * The server greets whoever joins with the last state and prediction of each source, which may be
 * old. They count as live only once another of the same type follows, or if by this machine's clock
 * they were sent just now. `performance.now()` measures all other ages, as clocks of two machines
 * may differ.
 */
function follow(feed, message, now, unixNow) {
  const fresh = Math.abs(unixNow - message.times.sent * 1000) < STALE_MS;
  const followed = feed?.confirmed || feed?.message.type === message.type;
  return { message, heard: now, confirmed: fresh || followed };
}

function view(feed, connected, now) {
  const { message, heard, confirmed } = feed;
  const silent = now - heard;
  if (!connected) {
    return quiet("no connection", "no connection", ago(message, silent));
  }
  if (message.type === "source") {
    return viewState(message, silent);
  }
  if (!confirmed || silent > STALE_MS) {
    return quiet("stale", "no signal", ago(message, silent));
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
  if (message.status === "not_sure" && likeliest !== null) {
    return ["not sure", `nearest is ${genreName(likeliest)}`];
  }
  return STATUSES[message.status] ?? [message.name ?? message.status, ""];
}

/** Code of the highest probability, or null where all are 0: there was no window. */
function highest(probabilities) {
  const best = (a, b) => (b[1] > a[1] ? b : a);
  return Object.entries(probabilities).reduce(best, [null, 0])[0];
}

function genreName(code) {
  return GENRES[code]?.name ?? code;
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

function percent(probability) {
  return `${Math.round(probability * 100)}%`;
}

/* ---- One source on the page ---- */

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
    const hue = GENRES[view.likeliest]?.hue;
    if (hue !== undefined) {
      this.element.style.setProperty("--hue", hue);
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

/* ---- The connection, and what has come over it ---- */

const feeds = new Map();
const cards = new Map();
const asked = new URLSearchParams(location.search);
let connected = false;
let barred = false;
let failures = 0;

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

function show() {
  const now = performance.now();
  for (const [source, feed] of feeds) {
    cards.get(source).show(view(feed, connected, now));
  }
  const line = document.getElementById("connection");
  const words = barred
    ? "token needed: open this page with ?token=… at the end of its address"
    : connected
      ? "connected"
      : failures === 0
        ? "connecting"
        : "reconnecting";
  line.classList.toggle("connected", connected);
  if (line.textContent !== words) {
    line.textContent = words;
  }
  document.getElementById("waiting").hidden = cards.size > 0 || barred;
}

function connect() {
  const url = new URL("ws", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.search = new URLSearchParams(asked.getAll("source").map((source) => ["source", source]));
  const socket = new WebSocket(url);
  let heard = performance.now();
  let lost = false;

  const lose = (event) => {
    if (lost) {
      return;
    }
    lost = true;
    connected = false;
    clearInterval(watch);
    socket.close();
    barred = event?.code === TOKEN_NEEDED;
    if (barred) {
      show();
      return; // It would be the same token again.
    }
    const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures);
    failures += 1;
    show();
    // Pages that lost the same server are not to come back all at once.
    setTimeout(connect, delay * (0.5 + Math.random() / 2));
  };
  // A peer that vanished without a goodbye is told from a quiet one only by its silence.
  const watch = setInterval(() => {
    if (performance.now() - heard > SILENCE_MS) {
      lose();
    }
  }, 1000);

  socket.addEventListener("open", () => {
    connected = true;
    failures = 0;
    // Without a token, too, to be told at once if one is needed.
    socket.send(JSON.stringify({ type: "hello", token: asked.get("token") ?? undefined }));
    // What was known before may be long past; the server greets with what is known now.
    feeds.clear();
    cards.clear();
    document.getElementById("sources").replaceChildren();
    show();
  });
  socket.addEventListener("message", (event) => {
    if (lost) {
      return;
    }
    heard = performance.now();
    const message = JSON.parse(event.data);
    if (message.type === "prediction" || message.type === "source") {
      hear(message);
    }
  });
  socket.addEventListener("close", lose);
}

setInterval(show, TICK_MS);
document.addEventListener("visibilitychange", show);
connect();
