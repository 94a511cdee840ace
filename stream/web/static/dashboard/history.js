/* History of a source over the last minutes, as a timeline and as a list. */

import { createElement, setText } from "../elements.js";
import { appendChange, bandsBetween } from "../genre_history.js";
import { genreColour, textColourOn } from "../genres.js";
import { clockTime, duration, genreOrStatus } from "./format.js";

/** Seconds that the timeline shows. */
export const SPAN = 180;
/** Seconds between updates of the timeline. */
const STEP = 1;
const MAX_LISTED = 7;
// Width of a letter, and of the space around a text, in pixels of the timeline's font.
const LETTER_WIDTH = 9;
const PADDING = 14;

/** Return the history from /status at `asOf`, with the later changes that the page has recorded. */
export function mergeHistory(fromServer, recorded, asOf) {
  return recorded.filter(({ at }) => at > asOf).reduce(appendChange, fromServer);
}

/** Return the text of a band: the name if it fits, otherwise the genre code, otherwise nothing. */
export function bandText(change, width) {
  const fits = (text) => text.length * LETTER_WIDTH + PADDING <= width;
  return [genreOrStatus(change), change.genre ?? ""].find(fits) ?? "";
}

/** Timeline with the newest band at the right; hidden from screen readers, which have the list. */
export class Timeline {
  constructor(root) {
    this.root = root.querySelector(".bands");
    this.bands = new Map();
    this.history = null;
    this.shownAt = -Infinity;
  }

  show(history, now) {
    if (history === this.history && Math.abs(now - this.shownAt) < STEP) {
      return;
    }
    this.history = history;
    this.shownAt = now;
    const start = now - SPAN;
    const pixelsPerSecond = this.root.clientWidth / SPAN;
    const current = new Set();
    for (const change of bandsBetween(history, start, now)) {
      const length = change.to - change.from;
      const band = this.getOrCreateBand(change);
      band.style.setProperty("--start", `${((change.from - start) / SPAN) * 100}%`);
      band.style.setProperty("--width", `${(length / SPAN) * 100}%`);
      setText(band, bandText(change, length * pixelsPerSecond));
      current.add(band);
    }
    for (const [key, band] of this.bands) {
      if (!current.has(band)) {
        band.remove();
        this.bands.delete(key);
      }
    }
  }

  getOrCreateBand(change) {
    const key = `${change.at} ${change.status} ${change.genre}`;
    let band = this.bands.get(key);
    if (!band) {
      band = createElement("div", "band");
      band.dataset.status = change.status;
      band.title = `${clockTime(change.at)} ${genreOrStatus(change)}`;
      if (change.genre !== null) {
        const colour = genreColour(change.genre);
        band.style.setProperty("--colour", colour);
        band.style.setProperty("--text-on-colour", textColourOn(colour));
      }
      this.bands.set(key, band);
      this.root.append(band);
    }
    return band;
  }
}

/** List of the last changes, newest first: "19:04:12 house 12 s". */
export class HistoryList {
  constructor(root) {
    this.root = root;
  }

  show(history, now) {
    const changes = bandsBetween(history, -Infinity, now).slice(-MAX_LISTED).reverse();
    while (this.root.children.length > changes.length) {
      this.root.lastElementChild.remove();
    }
    changes.forEach((change, i) => {
      const row = this.root.children[i] ?? this.addRow();
      const [time, genre, length] = row.children;
      setText(time, clockTime(change.at));
      setText(genre, genreOrStatus(change));
      setText(length, duration(change.to - change.from));
    });
  }

  addRow() {
    const row = createElement("li", "change");
    row.append(
      createElement("time", "change-time"),
      createElement("span", "change-genre"),
      createElement("span", "change-length"),
    );
    this.root.append(row);
    return row;
  }
}
