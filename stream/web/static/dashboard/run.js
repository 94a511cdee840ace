/* What concerns the whole run: the connection, who looks, which model, what needs somebody. */

import { asked } from "../connection.js";
import { element, setText, setTextOrHide } from "../elements.js";

const BANNERS = {
  reconnecting: "Connection lost. Nothing on this page is live. Trying again …",
};
const ANNOUNCE_MS = 3000;

/** "6 sources live", "4 of 6 sources live"; of one source it is told beside it. */
export function summaryWords(looks) {
  const live = looks.filter((look) => look.live).length;
  if (looks.length < 2) {
    return "";
  }
  return live === looks.length
    ? `${live} sources live`
    : `${live} of ${looks.length} sources live`;
}

/** Facts of a run, as pairs of name and value; of clients that were sent off only if any were. */
export function facts({ clients, model, program }) {
  const { connected, most, cut_off: cutOff, refused } = clients ?? {};
  return [
    ["model", model],
    ["dancetype", program],
    ["clients", connected === undefined ? "" : `${connected} of ${most}`],
    ["cut off, too slow", cutOff ? String(cutOff) : ""],
    ["turned away, full", refused ? String(refused) : ""],
  ].filter(([, value]) => value);
}

export class RunPanel {
  constructor() {
    this.facts = document.getElementById("run");
    this.hint = document.getElementById("preview-hint");
    this.summary = document.getElementById("summary");
    this.attention = document.getElementById("attention");
    this.links = document.getElementById("attention-list");
    this.connection = document.getElementById("connection");
    this.banner = document.getElementById("banner");
    this.form = document.getElementById("token-form");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      enter(document.getElementById("token").value.trim());
    });
  }

  showConnection(state) {
    document.body.dataset.connection = state;
    setText(this.connection, state === "barred" ? "token needed" : state);
    setText(this.banner, BANNERS[state] ?? "");
    const barred = state === "barred";
    if (barred && this.form.hidden && asked.get("token")) {
      setText(document.getElementById("token-advice"), "The server does not know this token.");
    }
    this.form.hidden = !barred;
  }

  /** Shows what /status says, if it says anything. */
  showStatus(status) {
    const rows = facts(status).map(([name, value]) => {
      const row = element("div", "fact", element("dt", "", name));
      row.append(element("dd", "", value));
      return row;
    });
    this.facts.replaceChildren(...rows);
    this.hint.hidden = status.preview;
  }

  /** Marks what needs somebody; `sources` are {card, look} each. */
  showAttention(sources) {
    const troubled = sources.filter(({ look }) => look.troubles.length > 0);
    setTextOrHide(this.summary, summaryWords(sources.map(({ look }) => look)));
    this.attention.hidden = troubled.length === 0;
    while (this.links.children.length > troubled.length) {
      this.links.lastElementChild.remove();
    }
    troubled.forEach(({ card, look }, i) => {
      const link = this.links.children[i]?.firstElementChild ?? this.addLink();
      link.href = `#${card.element.id}`;
      setText(link, `${look.name}: ${look.troubles.join(", ")}`);
    });
    const count = troubled.length > 0 ? `(${troubled.length}) ` : "";
    setText(document.querySelector("title"), `${count}dancetype`);
  }

  addLink() {
    const link = element("a", "attention-link");
    this.links.append(element("li", "attention-item", link));
    return link;
  }
}

/** Opens the page anew, showing `token`. */
function enter(token) {
  const address = new URL(location.href);
  address.searchParams.set("token", token);
  address.hash = "";
  location.replace(address);
}

/** Says to screen readers which genres are new, and no more often than they can say it. */
export class Announcer {
  constructor(root) {
    this.root = root;
    this.said = new Map();
    this.news = new Map();
    setInterval(() => this.speak(), ANNOUNCE_MS);
  }

  hear(source, genre) {
    if (genre !== null && this.said.get(source) !== genre) {
      this.news.set(source, genre);
    } else if (genre !== null) {
      this.news.delete(source); // It is back to what was said.
    }
  }

  speak() {
    if (this.news.size === 0 || document.hidden) {
      return;
    }
    const words = [...this.news].map(([source, genre]) => `${source}: ${genre}`);
    this.news.forEach((genre, source) => this.said.set(source, genre));
    this.news.clear();
    setText(this.root, words.join(", "));
  }
}
