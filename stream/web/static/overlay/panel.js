/* What the overlay shows of one source. */

import { clone, setText, unbroken } from "../elements.js";
import { QUIET_WORDS, highest, percent } from "../feed.js";
import { keepSharp } from "../frames.js";
import { genreColour, genreName } from "../genres.js";
import { resting } from "./options.js";
import { Skeleton } from "../skeleton.js";
import { Timeline } from "../timeline.js";

// Longer names get smaller letters.
const SHORT_NAME = 9;

export class Panel {
  constructor(source, options, frames) {
    this.options = options;
    this.element = clone("panel");
    this.part("source-name").textContent = source;
    this.part("answer").hidden = !options.show.has("genre");
    this.part("bars").hidden = !options.show.has("bars");
    this.bars = new Map();
    this.skeleton = this.canvas("skeleton", (canvas) => new Skeleton(canvas, frames, options.fit));
    this.timeline = this.canvas("timeline", (canvas) => new Timeline(canvas, frames));
    this.status = null;
    this.since = 0;
    this.live = false;
  }

  part(name) {
    return this.element.querySelector(`.${name}`);
  }

  /** What draws on a canvas; null where it is not among the parts to show. */
  canvas(name, make) {
    const box = this.part(`${name}-box`);
    box.hidden = !this.options.show.has(name);
    if (box.hidden) {
      return null;
    }
    const drawing = make(this.part(name));
    keepSharp(this.part(name), () => drawing.refresh());
    return drawing;
  }

  /** Takes over a prediction that is true at `now`. */
  hear(message, now) {
    if (message.status !== this.status) {
      this.status = message.status;
      this.since = now;
      set(this.element, "status", message.status);
    }
    this.timeline?.say(now, message.status, message.genre);
    this.showWord(message);
    if (this.options.show.has("bars")) {
      this.showBars(message.probabilities, message.genre ?? highest(message.probabilities));
    }
    if (!this.live) {
      this.skeleton?.clear();
    }
    this.skeleton?.show(message.dancers ?? [], message.image, now);
  }

  /** Shows what was heard last while it is `live` and the panel `chosen`; fades it away if not. */
  run(live, chosen, now) {
    if (live) {
      set(this.element, "rest", resting(this.options, this.status, now - this.since));
    } else if (this.live) {
      this.timeline?.say(now, "silent", null);
    }
    this.live = live;
    set(this.element, "state", live ? "live" : "stale");
    this.timeline?.run(live && chosen);
  }

  showWord({ status, genre, name, confidence }) {
    const word = status === "genre" ? (name ?? genre) : (QUIET_WORDS[status] ?? "");
    setText(this.part("confidence-value"), status === "genre" ? percent(confidence) : "");
    const element = this.part("genre-word");
    if (element.textContent === word) {
      return; // Screen readers would say it again.
    }
    element.replaceChildren(...unbroken(word));
    element.classList.toggle("long", word.length > SHORT_NAME);
    setText(this.part("pill"), word);
    if (genre === null) {
      this.element.style.removeProperty("--accent");
    } else {
      this.element.style.setProperty("--accent", genreColour(genre));
    }
    // Of two animations that look alike one takes the other's place, which starts it anew.
    set(element, "turn", element.dataset.turn === "a" ? "b" : "a");
  }

  showBars(probabilities, likeliest) {
    const list = this.part("bars");
    for (const [code, probability] of Object.entries(probabilities)) {
      let bar = this.bars.get(code);
      if (bar === undefined) {
        bar = clone("bar");
        bar.style.setProperty("--colour", genreColour(code));
        list.append(bar);
        this.bars.set(code, bar);
        list.style.setProperty("--rows", Math.ceil(this.bars.size / 2));
      }
      bar.classList.toggle("likeliest", code === likeliest);
      setText(bar.querySelector(".genre-name"), genreName(code));
      setText(bar.querySelector(".percent"), percent(probability));
      bar.querySelector(".fill").style.transform = `scaleX(${probability})`;
    }
  }
}

/** Sets a data attribute, where that changes it. */
export function set(element, name, value) {
  if (element.dataset[name] !== value) {
    element.dataset[name] = value;
  }
}
