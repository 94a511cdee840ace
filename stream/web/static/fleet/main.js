/* Page of a fleet: a table of all cameras, updated once a second. */

import { urlParameters } from "../connection.js";
import { createElement, setText } from "../elements.js";
import { STATUS_TEXTS, percent } from "../feed.js";

const POLL_INTERVAL_MS = 1000;
const TIMEOUT_MS = 3000;

/** Displayed names of states; /status keeps the names that alerts may refer to. */
const STATE_TEXTS = {
  "waiting for a place": "waiting for resources",
  "to be started again": "restarting",
};

const rows = new Map();
const find = (id) => document.getElementById(id);

/** Fill a cell. The text is set only if it differs, to keep the user's text selection. */
function setCell(row, index, text, className = "") {
  const cell = row.cells[index];
  setText(cell, text);
  cell.className = className;
  cell.title = text;
}

/** Return the genre with its confidence, or the status without one. */
function genreText({ genre, confidence }) {
  if (genre === null) {
    return "";
  }
  return STATUS_TEXTS[genre] ?? `${genre} ${percent(confidence)}`;
}

function showCamera(row, camera) {
  const needsAttention = !camera.live && camera.state !== "ended";
  row.className = camera.live ? "live" : needsAttention ? "needs-attention" : "";
  setCell(row, 1, STATE_TEXTS[camera.state] ?? camera.state, "state");
  row.cells[1].title = camera.reason ?? camera.source;
  setCell(row, 2, camera.live ? genreText(camera) : "");
  setCell(row, 3, camera.live ? camera.fps.toFixed(1) : "", "number");
  const hasLatency = camera.live && camera.latency !== null;
  setCell(row, 4, hasLatency ? `${Math.round(1000 * camera.latency)} ms` : "", "number");
  setCell(row, 5, camera.node ?? "");
  const broker = camera.mqtt ? "connected" : "disconnected";
  setCell(row, 6, camera.node ? broker : "", camera.mqtt ? "" : "broken");
  setCell(row, 7, String(camera.restarts), "number");
  setCell(row, 8, camera.error ?? "", "error");
}

function createRow(name) {
  const row = document.createElement("tr");
  const heading = createElement("th", "", name);
  heading.scope = "row";
  row.append(heading, ...Array.from({ length: 8 }, () => document.createElement("td")));
  return row;
}

function showStatus(status) {
  const names = Object.keys(status.cameras);
  for (const [name, row] of rows) {
    if (!(name in status.cameras)) {
      row.remove();
      rows.delete(name);
    }
  }
  const table = find("cameras");
  names.forEach((name, index) => {
    if (!rows.has(name)) {
      rows.set(name, createRow(name));
    }
    const row = rows.get(name);
    if (table.children[index] !== row) {
      table.insertBefore(row, table.children[index] ?? null);
    }
    showCamera(row, status.cameras[name]);
  });
  const live = names.filter((name) => status.cameras[name].live).length;
  setText(find("summary"), `${live} of ${names.length} cameras live`);
  setText(find("banner"), status.error ? `${status.error}; running cameras are unchanged` : "");
  find("nodes").replaceChildren(...status.nodes.map(createNodeFact));
}

function createNodeFact(node) {
  const cores = `${node.cpus_taken} of ${node.cpus} cores`;
  const gpus = node.gpus ? `, ${node.gpus_taken} of ${node.gpus} GPUs` : "";
  const fact = createElement("div", "fact", createElement("dt", "", node.name));
  fact.append(createElement("dd", "", `${cores}${gpus} reserved`));
  return fact;
}

function setConnection(state, text, banner = null) {
  document.body.dataset.connection = state;
  setText(find("connection"), text);
  if (banner !== null) {
    setText(find("banner"), banner);
  }
}

async function poll() {
  const token = urlParameters.get("token");
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch("status", { headers, signal, cache: "no-store" });
    if (response.status === 401) {
      setConnection(
        "unauthorised",
        "token needed",
        "This page needs the token of the fleet: open it with ?token=TOKEN in the URL.",
      );
    } else if (response.ok) {
      showStatus(await response.json());
      setConnection("connected", "connected");
    } else {
      setConnection(
        "disconnected",
        "error",
        `The fleet responded with HTTP status ${response.status}. The table is out of date.`,
      );
    }
  } catch {
    setConnection(
      "disconnected",
      "disconnected",
      "The fleet does not respond. The table is out of date. Trying again…",
    );
  }
  setTimeout(poll, POLL_INTERVAL_MS);
}

poll();
