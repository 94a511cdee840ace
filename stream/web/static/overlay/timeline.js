/* Timeline of the last minute, drawn on a canvas that moves to the left. */

import { prefersReducedMotion } from "../animation.js";
import { STATUS_TEXTS } from "../feed.js";
import { appendChange, bandsBetween } from "../genre_history.js";
import { genreColour, genreName, textColourOn } from "../genres.js";

/** Milliseconds that the timeline shows. */
export const SPAN_MS = 60000;

const TICK_MS = 10000;
// With reduced motion the timeline moves in steps of this size.
const REDUCED_STEP_MS = 5000;

/** Convert the history of /status, oldest change first, to changes on the page's clock (ms). */
export function convertHistory(history, serverNow, now) {
  return history.map(({ at, status, genre }) => ({
    at: now - (serverNow - at) * 1000,
    status,
    genre,
  }));
}

/** Return the changes of the server, preceded by older ones that the page has recorded. */
export function mergeChanges(recorded, fromServer) {
  return fromServer.length === 0
    ? recorded
    : [...recorded.filter(({ at }) => at < fromServer[0].at), ...fromServer];
}

/** Append a change as `appendChange` does, and drop changes that are no longer visible. */
export function recordChange(changes, change) {
  const extended = appendChange(changes, change);
  if (extended === changes) {
    return changes;
  }
  const outdated = changes.filter(({ at }) => at < change.at - 2 * SPAN_MS).length;
  // The last outdated change is kept, since it applies at the start of the remaining time.
  return extended.slice(Math.max(outdated - 1, 0));
}

/** Timeline of one source; it moves while the source is live. */
export class Timeline {
  constructor(canvas, animation) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.animation = animation;
    this.changes = [];
    this.live = false;
    this.drawnPosition = null;
    this.style = null;
  }

  addHistory(history, serverNow, now) {
    this.changes = mergeChanges(this.changes, convertHistory(history, serverNow, now));
    this.refresh();
  }

  addChange(now, status, genre) {
    const changes = recordChange(this.changes, { at: now, status, genre });
    if (changes !== this.changes) {
      this.changes = changes;
      this.drawnPosition = null;
    }
  }

  setLive(live) {
    this.live = live;
    if (live) {
      this.animation.start(this);
    }
  }

  refresh() {
    this.drawnPosition = null;
    this.animation.start(this);
  }

  draw(now) {
    const { isConnected, width, height } = this.canvas;
    if (!isConnected) {
      return false; // Outside of the document, the canvas has neither size nor colours.
    }
    // Moving by whole pixels keeps the text sharp, and most frames need no drawing.
    const step = prefersReducedMotion() ? REDUCED_STEP_MS : SPAN_MS / Math.max(width, 1);
    const edge = Math.ceil(now / step) * step;
    const position = prefersReducedMotion() ? Math.floor(now / 1000) : edge;
    if (position !== this.drawnPosition && width > 0 && height > 0) {
      this.drawnPosition = position;
      this.paint(now, edge, width, height);
    }
    return this.live;
  }

  paint(now, edge, width, height) {
    const { context } = this;
    this.style ??= readStyle(this.canvas);
    const { style } = this;
    const start = edge - SPAN_MS;
    const axisHeight = Math.max(2, Math.round(height * 0.08));
    const gap = Math.max(1, Math.round(height * 0.04));
    const timeToX = (time) => Math.round(((time - start) * width) / SPAN_MS);
    context.clearRect(0, 0, width, height);
    context.font = `${style.weight} ${Math.round(height * 0.44)}px ${style.family}`;
    context.textBaseline = "middle";
    for (const band of bandsBetween(this.changes, start, now)) {
      const x = timeToX(band.from);
      const box = { x, width: timeToX(band.to) - x - gap, height: height - 2 * axisHeight };
      if (band.status === "genre") {
        this.paintGenre(band.genre, box, style);
      } else {
        this.paintStatus(band.status, box, style, timeToX(band.at));
      }
    }
    context.fillStyle = style.muted;
    for (let tick = Math.ceil(start / TICK_MS) * TICK_MS; tick <= edge; tick += TICK_MS) {
      context.fillRect(timeToX(tick), height - axisHeight, Math.max(1, axisHeight / 2), axisHeight);
    }
  }

  paintGenre(genre, { x, width, height }, style) {
    const { context } = this;
    context.fillStyle = genreColour(genre);
    context.fillRect(x, 0, width, height);
    const line = style.line * height;
    if (line > 0) {
      context.strokeStyle = style.text;
      context.lineWidth = line;
      context.strokeRect(x + line / 2, line / 2, width - line, height - line);
    }
    this.paintText(genreName(genre), textColourOn(genreColour(genre)), x, width, height);
  }

  /** Paint a status: not sure hatched, warming up dotted, no person as a line, no signal empty. */
  paintStatus(status, { x, width, height }, style, bandStart) {
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(x, 0, width, height);
    context.clip();
    context.strokeStyle = style.muted;
    context.globalAlpha = 0.5;
    context.lineWidth = Math.max(1, height * 0.04);
    context.beginPath();
    if (status === "not_sure") {
      // Relative to the start of the band, so that the hatching moves with it.
      const step = Math.max(4, Math.round(height * 0.3));
      for (let lineX = bandStart - height; lineX < x + width; lineX += step) {
        context.moveTo(lineX, height);
        context.lineTo(lineX + height, 0);
      }
    } else if (status !== "silent") {
      context.setLineDash(status === "warming_up" ? [height * 0.08, height * 0.16] : []);
      context.lineDashOffset = x - bandStart;
      context.moveTo(x, height / 2);
      context.lineTo(x + width, height / 2);
    }
    context.stroke();
    context.restore();
    const text = STATUS_TEXTS[status];
    if (text !== undefined) {
      this.paintText(text, style.text, x, width, height, style.solid);
    }
  }

  /** Paint a text if it fits, on a `background` if it covers a pattern. */
  paintText(text, colour, x, width, height, background = null) {
    const { context } = this;
    const padding = height * 0.3;
    const textWidth = context.measureText(text).width;
    if (textWidth + 2 * padding > width) {
      return;
    }
    if (background !== null) {
      context.fillStyle = background;
      context.fillRect(x + padding / 2, height * 0.12, textWidth + padding, height * 0.76);
    }
    context.fillStyle = colour;
    context.fillText(text, x + padding, height * 0.53);
  }
}

function readStyle(canvas) {
  const style = getComputedStyle(canvas);
  const value = (name) => style.getPropertyValue(name).trim();
  return {
    weight: style.fontWeight,
    family: style.fontFamily,
    text: value("--text"),
    muted: value("--muted"),
    solid: value("--solid"),
    line: parseFloat(value("--band-line")),
  };
}
