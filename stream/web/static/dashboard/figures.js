/* Figures of a source: how fast, how late, how much was left out. */

import { element, setText } from "../elements.js";
import { NOTHING, clockTime, milliseconds, share } from "./words.js";

/** Parts of the latency as the messages name them, and all of them together. */
const PARTS = ["capture", "pose", "classify", "send", "total"];

/** Rows of the latency table: part, now, median and 95th percentile of the last minute. */
export function latencyRows(latency, lately) {
  const now = latency && { ...latency, total: total(latency) };
  return PARTS.map((part) => [
    part,
    milliseconds(now?.[part]),
    milliseconds(lately?.[part]?.p50),
    milliseconds(lately?.[part]?.p95),
  ]);
}

function total({ capture, pose, classify, send }) {
  return capture + pose + classify + send;
}

/** "33 (1.8%)". */
export function droppedWords(frames) {
  return frames ? `${frames.dropped} (${share(frames.dropped, frames.captured)})` : NOTHING;
}

/** A row of the latency table; returns its cells. */
function addRow(table, part) {
  const row = table.insertRow();
  const head = element("th", "", part);
  head.scope = "row";
  row.append(head);
  return [row.insertCell(), row.insertCell(), row.insertCell()];
}

function errorWords({ at, state, reason }) {
  return `${clockTime(at)} ${state}: ${reason}`;
}

export class Figures {
  constructor(root) {
    this.parts = Object.fromEntries(
      ["fps", "latency", "dropped", "captured", "posed", "reconnects", "last-error"].map((name) => [
        name,
        root.querySelector(`.${name}`),
      ]),
    );
    const table = root.querySelector(".latency-parts tbody");
    this.cells = PARTS.map((part) => addRow(table, part));
  }

  show({ live, fps, latency, latencyLately, late, frames, reconnects, lastError }) {
    const rows = latencyRows(latency, latencyLately);
    rows.forEach(([, ...figures], row) => {
      figures.forEach((figure, column) => setText(this.cells[row][column], figure));
    });
    const [, now] = rows.at(-1);
    setText(this.parts.fps, live ? fps : NOTHING);
    setText(this.parts.latency, now === NOTHING ? now : `${now} ms`);
    this.parts.latency.classList.toggle("broken", late);
    setText(this.parts.dropped, droppedWords(frames));
    setText(this.parts.captured, frames ? String(frames.captured) : NOTHING);
    setText(this.parts.posed, frames ? String(frames.posed) : NOTHING);
    setText(this.parts.reconnects, reconnects === null ? NOTHING : String(reconnects));
    setText(this.parts["last-error"], lastError ? errorWords(lastError) : "none seen");
  }
}
