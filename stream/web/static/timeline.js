/* What was said of a source in the last minute, as bands that wander to the left. */

import { QUIET_WORDS } from "./feed.js";
import { wantsStillness } from "./frames.js";
import { genreColour, genreName, inkOn } from "./genres.js";

/** Milliseconds that the timeline shows. */
export const SPAN_MS = 60000;

const TICK_MS = 10000;
const STILL_STEP_MS = 5000;

/**
 * Turns the history that the server tells, oldest first, into changes on the page's own clock.
 *
 * A change is {at, status, genre}: what is said from then (milliseconds) until the next change.
 */
export function changesFrom(history, serverNow, now) {
  return history.map(({ at, status, genre }) => ({
    at: now - (serverNow - at) * 1000,
    status,
    genre,
  }));
}

/** Puts what the server tells in the place of what the page had seen of the same time. */
export function merge(seen, told) {
  return told.length === 0 ? seen : [...seen.filter(({ at }) => at < told[0].at), ...told];
}

/** The changes with what is said at `at`, if that is one; the same where it is not. */
export function note(changes, { at, status, genre }) {
  const last = changes[changes.length - 1];
  const same = last?.status === status && last.genre === genre;
  return same ? changes : [...changes, { at, status, genre }];
}

/** The same, without those that are long gone. */
export function say(changes, at, status, genre) {
  const noted = note(changes, { at, status, genre });
  if (noted === changes) {
    return changes;
  }
  const gone = changes.filter((change) => change.at < at - 2 * SPAN_MS).length;
  // What was being said when that time began still counts.
  return noted.slice(Math.max(gone - 1, 0));
}

/** Cuts the time between two moments into bands {from, to, status, genre}. */
export function bands(changes, from, to) {
  return changes
    .map((change, i) => ({
      ...change,
      from: Math.max(change.at, from),
      to: Math.min(changes[i + 1]?.at ?? to, to),
    }))
    .filter((band) => band.from < band.to);
}

/** Draws changes on a canvas while it is told that they are `live`. */
export class Timeline {
  constructor(canvas, frames) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.frames = frames;
    this.changes = [];
    this.live = false;
    this.drawn = null;
    this.look = null;
  }

  told(history, serverNow, now) {
    this.changes = merge(this.changes, changesFrom(history, serverNow, now));
    this.refresh();
  }

  say(now, status, genre) {
    const changes = say(this.changes, now, status, genre);
    if (changes !== this.changes) {
      this.changes = changes;
      this.drawn = null;
    }
  }

  run(live) {
    this.live = live;
    if (live) {
      this.frames.wake(this);
    }
  }

  refresh() {
    this.drawn = null;
    this.frames.wake(this);
  }

  draw(now) {
    const { isConnected, width, height } = this.canvas;
    if (!isConnected) {
      return false; // Outside of the document it has neither size nor colours.
    }
    // In steps of a whole pixel its words stay sharp, and most frames cost nothing.
    const step = wantsStillness() ? STILL_STEP_MS : SPAN_MS / Math.max(width, 1);
    const edge = Math.ceil(now / step) * step;
    const key = wantsStillness() ? Math.floor(now / 1000) : edge;
    if (key !== this.drawn && width > 0 && height > 0) {
      this.drawn = key;
      this.paint(now, edge, width, height);
    }
    return this.live;
  }

  paint(now, edge, width, height) {
    const { context } = this;
    this.look ??= lookOf(this.canvas);
    const { look } = this;
    const scale = width / SPAN_MS;
    const left = edge - SPAN_MS;
    const axis = Math.max(2, Math.round(height * 0.08));
    const place = (time) => Math.round((time - left) * scale);
    context.clearRect(0, 0, width, height);
    context.font = `${look.weight} ${Math.round(height * 0.44)}px ${look.family}`;
    context.textBaseline = "middle";
    const gap = Math.max(1, Math.round(height * 0.04));
    for (const band of bands(this.changes, left, now)) {
      const from = place(band.from);
      const size = { from, width: place(band.to) - from - gap, height: height - 2 * axis };
      if (band.status === "genre") {
        this.paintGenre(band.genre, size, look);
      } else {
        this.paintQuiet(band.status, size, look, place(band.at));
      }
    }
    context.fillStyle = look.quiet;
    for (let tick = Math.ceil(left / TICK_MS) * TICK_MS; tick <= edge; tick += TICK_MS) {
      context.fillRect(place(tick), height - axis, Math.max(1, axis / 2), axis);
    }
  }

  paintGenre(genre, { from, width, height }, look) {
    const { context } = this;
    context.fillStyle = genreColour(genre);
    context.fillRect(from, 0, width, height);
    const line = look.line * height;
    if (line > 0) {
      context.strokeStyle = look.text;
      context.lineWidth = line;
      context.strokeRect(from + line / 2, line / 2, width - line, height - line);
    }
    this.write(genreName(genre), inkOn(genreColour(genre)), from, width, height);
  }

  /** Not sure is hatched, a dancer too new is dotted, nobody is a line, and no signal is nothing. */
  paintQuiet(status, { from, width, height }, look, start) {
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(from, 0, width, height);
    context.clip();
    context.strokeStyle = look.quiet;
    context.globalAlpha = 0.5;
    context.lineWidth = Math.max(1, height * 0.04);
    context.beginPath();
    if (status === "not_sure") {
      // Counted from the band's own start, so that the hatching wanders with it.
      const step = Math.max(4, Math.round(height * 0.3));
      for (let x = start - height; x < from + width; x += step) {
        context.moveTo(x, height);
        context.lineTo(x + height, 0);
      }
    } else if (status !== "silent") {
      context.setLineDash(status === "warming_up" ? [height * 0.08, height * 0.16] : []);
      context.lineDashOffset = from - start;
      context.moveTo(from, height / 2);
      context.lineTo(from + width, height / 2);
    }
    context.stroke();
    context.restore();
    const word = QUIET_WORDS[status];
    if (word !== undefined) {
      this.write(word, look.text, from, width, height, look.solid);
    }
  }

  /** Writes where there is room; over a pattern, on `ground`. */
  write(word, ink, from, width, height, ground = null) {
    const { context } = this;
    const room = height * 0.3;
    const long = context.measureText(word).width;
    if (long + 2 * room > width) {
      return;
    }
    if (ground !== null) {
      context.fillStyle = ground;
      context.fillRect(from + room / 2, height * 0.12, long + room, height * 0.76);
    }
    context.fillStyle = ink;
    context.fillText(word, from + room, height * 0.53);
  }
}

function lookOf(canvas) {
  const style = getComputedStyle(canvas);
  const value = (name) => style.getPropertyValue(name).trim();
  return {
    weight: style.fontWeight,
    family: style.fontFamily,
    text: value("--text"),
    quiet: value("--quiet"),
    solid: value("--solid"),
    line: parseFloat(value("--band-line")),
  };
}
