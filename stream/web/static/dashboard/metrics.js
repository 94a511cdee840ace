/* Performance of a source: frame rate, latency, frame counts and errors. */

import { createElement, setText } from "../elements.js";
import { UNKNOWN_VALUE, clockTime, milliseconds, share } from "./format.js";

/** Parts of the latency as named in messages, and their total. */
const LATENCY_PARTS = ["capture", "pose", "classify", "send", "total"];

/** Return the rows of the latency table: part, now, p50 and p95 over the last minute. */
export function latencyRows(latency, latencyLastMinute) {
  const now = latency && { ...latency, total: totalLatency(latency) };
  return LATENCY_PARTS.map((part) => [
    part,
    milliseconds(now?.[part]),
    milliseconds(latencyLastMinute?.[part]?.p50),
    milliseconds(latencyLastMinute?.[part]?.p95),
  ]);
}

function totalLatency({ capture, pose, classify, send }) {
  return capture + pose + classify + send;
}

/** Return the number and share of dropped frames: "33 (1.8%)". */
export function droppedText(frames) {
  return frames ? `${frames.dropped} (${share(frames.dropped, frames.captured)})` : UNKNOWN_VALUE;
}

/** Add a row to the latency table, and return its cells. */
function addRow(table, part) {
  const row = table.insertRow();
  const heading = createElement("th", "", part);
  heading.scope = "row";
  row.append(heading);
  return [row.insertCell(), row.insertCell(), row.insertCell()];
}

function errorText({ at, state, reason }) {
  return `${clockTime(at)} ${state}: ${reason}`;
}

const FIELDS = ["fps", "latency", "dropped", "captured", "posed", "reconnects", "last-error"];

export class MetricsPanel {
  constructor(root) {
    this.fields = Object.fromEntries(
      FIELDS.map((name) => [name, root.querySelector(`.${name}`)]),
    );
    const table = root.querySelector(".latency-parts tbody");
    this.cells = LATENCY_PARTS.map((part) => addRow(table, part));
  }

  show({ live, fps, latency, latencyLastMinute, late, frames, reconnects, lastError }) {
    const rows = latencyRows(latency, latencyLastMinute);
    rows.forEach(([, ...values], row) => {
      values.forEach((value, column) => setText(this.cells[row][column], value));
    });
    const [, totalNow] = rows.at(-1);
    setText(this.fields.fps, live ? fps : UNKNOWN_VALUE);
    setText(this.fields.latency, totalNow === UNKNOWN_VALUE ? totalNow : `${totalNow} ms`);
    this.fields.latency.classList.toggle("broken", late);
    setText(this.fields.dropped, droppedText(frames));
    setText(this.fields.captured, frames ? String(frames.captured) : UNKNOWN_VALUE);
    setText(this.fields.posed, frames ? String(frames.posed) : UNKNOWN_VALUE);
    setText(this.fields.reconnects, reconnects === null ? UNKNOWN_VALUE : String(reconnects));
    setText(this.fields["last-error"], lastError ? errorText(lastError) : "none");
  }
}
