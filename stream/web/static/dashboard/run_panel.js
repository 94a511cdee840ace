/* Parts of the page that concern the whole run: connection, token, summary and attention list. */

import { urlParameters } from "../connection.js";
import { createElement, setText, setTextOrHide } from "../elements.js";

const BANNERS = {
  reconnecting: "Connection lost. Nothing on this page is live. Reconnecting…",
};
const ANNOUNCE_INTERVAL_MS = 3000;

/** Return "6 sources live" or "4 of 6 sources live"; empty for one source. */
export function summaryText(views) {
  const live = views.filter((view) => view.live).length;
  if (views.length < 2) {
    return "";
  }
  return live === views.length
    ? `${live} sources live`
    : `${live} of ${views.length} sources live`;
}

/** Return the facts of a run as pairs of name and value; counts of lost clients only if not 0. */
export function runFacts({ clients, model, program }) {
  const { connected, most, cut_off: cutOff, refused } = clients ?? {};
  return [
    ["model", model],
    ["dancetype", program],
    ["clients", connected === undefined ? "" : `${connected} of ${most}`],
    ["disconnected (too slow)", cutOff ? String(cutOff) : ""],
    ["refused", refused ? String(refused) : ""],
  ].filter(([, value]) => value);
}

export class RunPanel {
  constructor() {
    this.facts = document.getElementById("run");
    this.previewHint = document.getElementById("preview-hint");
    this.note = document.getElementById("note");
    this.summary = document.getElementById("summary");
    this.attention = document.getElementById("attention");
    this.attentionList = document.getElementById("attention-list");
    this.connection = document.getElementById("connection");
    this.banner = document.getElementById("banner");
    this.tokenForm = document.getElementById("token-form");
    this.tokenAdvice = document.getElementById("token-advice");
    this.tokenForm.addEventListener("submit", (event) => {
      event.preventDefault();
      reloadWithToken(document.getElementById("token").value.trim());
    });
  }

  showConnection(state) {
    const unauthorised = state === "unauthorised";
    document.body.dataset.connection = state;
    setText(this.connection, unauthorised ? "token needed" : state);
    setText(this.banner, BANNERS[state] ?? "");
    if (unauthorised && this.tokenForm.hidden && urlParameters.get("token")) {
      this.tokenAdvice.textContent = "This token is wrong. Check it and try again.";
    }
    this.tokenForm.hidden = !unauthorised;
  }

  /** Show the facts in /status. */
  showStatus(status) {
    const facts = runFacts(status).map(([name, value]) => {
      const fact = createElement("div", "fact", createElement("dt", "", name));
      fact.append(createElement("dd", "", value));
      return fact;
    });
    this.facts.replaceChildren(...facts);
    this.previewHint.hidden = status.preview;
    setTextOrHide(this.note, status.note ?? "");
  }

  /** List the sources that need attention; `entries` are {card, view} each. */
  showAttention(entries) {
    const needingAttention = entries.filter(({ view }) => view.problems.length > 0);
    setTextOrHide(this.summary, summaryText(entries.map(({ view }) => view)));
    this.attention.hidden = needingAttention.length === 0;
    while (this.attentionList.children.length > needingAttention.length) {
      this.attentionList.lastElementChild.remove();
    }
    needingAttention.forEach(({ card, view }, i) => {
      const link = this.attentionList.children[i]?.firstElementChild ?? this.addLink();
      link.href = `#${card.element.id}`;
      setText(link, `${view.name}: ${view.problems.join(", ")}`);
    });
    const count = needingAttention.length > 0 ? `(${needingAttention.length}) ` : "";
    setText(document.querySelector("title"), `${count}dancetype`);
  }

  addLink() {
    const link = createElement("a", "attention-link");
    this.attentionList.append(createElement("li", "attention-item", link));
    return link;
  }
}

/** Reload the page with `token` in its URL. */
function reloadWithToken(token) {
  const url = new URL(location.href);
  url.searchParams.set("token", token);
  url.hash = "";
  location.replace(url);
}

/** Announcer of genre changes for screen readers, at a rate that they can read out. */
export class Announcer {
  constructor(root) {
    this.root = root;
    this.announced = new Map();
    this.pending = new Map();
    setInterval(() => this.announce(), ANNOUNCE_INTERVAL_MS);
  }

  update(source, genre) {
    if (genre === null) {
      return;
    }
    if (this.announced.get(source) === genre) {
      this.pending.delete(source); // The genre has changed back.
    } else {
      this.pending.set(source, genre);
    }
  }

  announce() {
    if (this.pending.size === 0 || document.hidden) {
      return;
    }
    const texts = [...this.pending].map(([source, genre]) => `${source}: ${genre}`);
    this.pending.forEach((genre, source) => this.announced.set(source, genre));
    this.pending.clear();
    setText(this.root, texts.join(", "));
  }
}
