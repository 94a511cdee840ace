/* The page of a fleet: asks once a second how it stands. */

import { asked } from "../connection.js";
import { element, setText } from "../elements.js";

const EVERY_MS = 1000;
const PATIENCE_MS = 3000;
const UNNAMED = ["warming_up", "no_person", "not_sure"];

const rows = new Map();
const find = (id) => document.getElementById(id);

/** A cell's text; only where it differs, which leaves a selection of the reader's alone. */
function fill(row, index, text, className = "") {
  const cell = row.cells[index];
  setText(cell, text);
  cell.className = className;
  cell.title = text;
}

/** What is danced. How likely the likeliest genre is says little while none is named. */
function answer({ genre, confidence }) {
  if (genre === null || UNNAMED.includes(genre)) {
    return (genre ?? "").replaceAll("_", " ");
  }
  return `${genre} ${Math.round(100 * confidence)} %`;
}

function show(name, camera) {
  const row = rows.get(name);
  const troubled = !camera.live && camera.state !== "ended";
  row.className = camera.live ? "live" : troubled ? "troubled" : "";
  fill(row, 1, camera.state, "state");
  row.cells[1].title = camera.reason ?? camera.source;
  fill(row, 2, camera.live ? answer(camera) : "");
  fill(row, 3, camera.live ? camera.fps.toFixed(1) : "", "number");
  const latency = camera.live && camera.latency !== null;
  fill(row, 4, latency ? `${Math.round(1000 * camera.latency)} ms` : "", "number");
  fill(row, 5, camera.node ?? "");
  const broker = camera.mqtt ? "connected" : "away";
  fill(row, 6, camera.node ? broker : "", camera.mqtt ? "" : "broken");
  fill(row, 7, String(camera.restarts), "number");
  fill(row, 8, camera.error ?? "", "error");
}

function newRow(name) {
  const row = document.createElement("tr");
  const head = element("th", "", name);
  head.scope = "row";
  row.append(head, ...Array.from({ length: 8 }, () => document.createElement("td")));
  return row;
}

function showAll(status) {
  const names = Object.keys(status.cameras);
  for (const [name, row] of rows) {
    if (!(name in status.cameras)) {
      row.remove();
      rows.delete(name);
    }
  }
  names.forEach((name, index) => {
    if (!rows.has(name)) {
      rows.set(name, newRow(name));
    }
    const body = find("cameras");
    if (body.children[index] !== rows.get(name)) {
      body.insertBefore(rows.get(name), body.children[index] ?? null);
    }
    show(name, status.cameras[name]);
  });
  const live = names.filter((name) => status.cameras[name].live).length;
  setText(find("summary"), `${live} of ${names.length} cameras give frames`);
  setText(find("banner"), status.error ? `${status.error}; the cameras stay as they are` : "");
  const said = status.nodes.map((node) => [
    node.name,
    `${node.cpus_taken} of ${node.cpus} cores` +
      (node.gpus ? `, ${node.gpus_taken} of ${node.gpus} GPUs` : ""),
  ]);
  find("nodes").replaceChildren(
    ...said.map(([node, text]) => {
      const fact = element("div", "fact", element("dt", "", node));
      fact.append(element("dd", "", text));
      return fact;
    }),
  );
}

function become(state, banner) {
  document.body.dataset.connection = state;
  setText(find("connection"), state);
  if (banner) {
    setText(find("banner"), banner);
  }
}

async function look() {
  const token = asked.get("token");
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const response = await fetch("status", { headers, signal, cache: "no-store" });
    if (response.status === 401) {
      become("barred", "Only who knows the token may look: open this page with ?token=TOKEN");
    } else if (response.ok) {
      showAll(await response.json());
      become("connected");
    } else {
      become("away", `The fleet answers ${response.status}; what is shown is old`);
    }
  } catch {
    become("away", "The fleet does not answer; what is shown is old");
  }
  setTimeout(look, EVERY_MS);
}

look();
