/* What was said of a source in the last minutes: pure functions, then how they are shown. */

import { element, setText } from "../elements.js";
import { clockTime, duration, said } from "./words.js";
import { genreColour, inkOn } from "../genres.js";
import { bands, note } from "../timeline.js";

/** Seconds that the timeline goes back. */
export const SPAN = 180;
/** Seconds by which it moves on. */
const STEP = 1;
const LISTED = 7;
// Of the timeline's small type: what a letter and the space around a name take, in pixels.
const LETTER = 9;
const AROUND = 14;

/** The history that the server told at `asOf`, with the changes that the page heard since. */
export function merge(told, known, asOf) {
  return known.filter(({ at }) => at > asOf).reduce(note, told);
}

/** What a band of so many pixels can say: the name, else the genre's code, else nothing. */
export function bandWords(change, width) {
  const fits = (words) => words.length * LETTER + AROUND <= width;
  return [said(change), change.genre ?? ""].find(fits) ?? "";
}

/** Bands of the last minutes, the newest at the right. For the eye only: the list says the same. */
export class Timeline {
  constructor(root) {
    this.bands = root.querySelector(".bands");
    this.known = new Map();
    this.history = null;
    this.at = -Infinity;
  }

  show(history, now) {
    if (history === this.history && Math.abs(now - this.at) < STEP) {
      return;
    }
    this.history = history;
    this.at = now;
    const from = now - SPAN;
    const pixels = this.bands.clientWidth / SPAN;
    const shown = new Set();
    for (const each of bands(history, from, now)) {
      const band = this.band(each);
      band.style.setProperty("--start", `${((each.from - from) / SPAN) * 100}%`);
      band.style.setProperty("--width", `${((each.to - each.from) / SPAN) * 100}%`);
      setText(band, bandWords(each, (each.to - each.from) * pixels));
      shown.add(band);
    }
    for (const [key, band] of this.known) {
      if (!shown.has(band)) {
        band.remove();
        this.known.delete(key);
      }
    }
  }

  band(change) {
    const key = `${change.at} ${change.status} ${change.genre}`;
    let band = this.known.get(key);
    if (!band) {
      band = element("div", "band");
      band.dataset.status = change.status;
      band.title = `${clockTime(change.at)} ${said(change)}`;
      if (change.genre !== null) {
        const colour = genreColour(change.genre);
        band.style.setProperty("--colour", colour);
        band.style.setProperty("--ink", inkOn(colour));
      }
      this.known.set(key, band);
      this.bands.append(band);
    }
    return band;
  }
}

/** The last changes in words, newest first: "19:04:12 house 12 s". */
export class HistoryList {
  constructor(root) {
    this.root = root;
  }

  show(history, now) {
    const changes = bands(history, -Infinity, now).slice(-LISTED).reverse();
    while (this.root.children.length > changes.length) {
      this.root.lastElementChild.remove();
    }
    changes.forEach((change, i) => {
      const row = this.root.children[i] ?? this.row();
      const [time, what, length] = row.children;
      setText(time, clockTime(change.at));
      setText(what, said(change));
      setText(length, duration(change.to - change.from));
    });
  }

  row() {
    const row = element("li", "change");
    row.append(
      element("time", "change-time"),
      element("span", "change-what"),
      element("span", "change-length"),
    );
    this.root.append(row);
    return row;
  }
}
