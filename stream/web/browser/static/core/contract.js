/* Contract of a genre model: everything needed to run it, from the metadata of its ONNX file. */

import { DancetypeError } from "./errors.js";
import { readMetadata } from "./onnx.js";
import { decisionProblem, uniformDecision } from "./rolling.js";
import { JOINTS } from "./skeleton.js";

/** @import { Decision } from "./rolling.js" */
/** @import { WindowSpec } from "./window.js" */

/** Version of the contract. */
export const VERSION = "1";

/** Normalisation in `window.js`, the only one supported. */
export const NORMALISATION =
  "pelvis (middle of the hips) at the origin in each frame; resampled by time; divided by the " +
  "window's median of the largest joint distance from the pelvis";

/** Addition to `NORMALISATION` for windows with a trajectory. */
export const TRAJECTORY =
  "; after the joints, the pelvis relative to its mean position in the window";

const MAX_WINDOW_SECONDS = 600;
const MAX_LENGTH = 2000;

/**
 * @typedef {Object} Contract
 * @property {string[]} labels Genre codes in the order of the model's output.
 * @property {Record<string, string>} genres Name of each genre by code, in the same order.
 * @property {WindowSpec} window
 * @property {Decision} decision
 * @property {boolean} dancing Whether probabilities sum to that of dancing, instead of to 1.
 */

/**
 * Return the contract in an ONNX file.
 *
 * @param {Uint8Array} model Content of the file.
 * @returns {Contract}
 * @throws {DancetypeError} The contract is missing or invalid.
 */
export function readContract(model) {
  try {
    return parse(readMetadata(model));
  } catch (error) {
    if (error instanceof DancetypeError) {
      throw error;
    }
    throw refused(`its metadata cannot be read: ${/** @type {Error} */ (error).message}`);
  }
}

/** @param {string} reason */
function refused(reason) {
  return new DancetypeError(`the genre model is refused because ${reason}`);
}

/**
 * @param {Map<string, string>} metadata
 * @returns {Contract}
 */
function parse(metadata) {
  const text = (/** @type {string} */ key) => {
    const value = metadata.get(key);
    if (value === undefined) {
      throw refused(`its contract lacks ${key}; export it with dancetype export`);
    }
    return value;
  };
  const version = text("dancetype_contract");
  if (version !== VERSION) {
    throw refused(
      `its contract has version ${version}, but this page reads ${VERSION}; build the page again ` +
        "with the dancetype that exported the model",
    );
  }
  const read = (/** @type {string} */ key) => JSON.parse(text(key));
  /** @type {string[]} */
  const labels = read("labels");
  const names = read("genres");
  const window = parseWindow(read("window"));
  if (!sameItems(read("joints"), JOINTS)) {
    throw refused("its joints are not COCO's 17 in order");
  }
  if (!sameItems(read("features"), featureNames(window))) {
    throw refused(`its features ${text("features")} contradict its window ${text("window")}`);
  }
  if (text("normalisation") !== NORMALISATION + (window.trajectory ? TRAJECTORY : "")) {
    throw refused(`it needs another normalisation: ${text("normalisation")}`);
  }
  if (!labels.length || labels.some((code) => typeof names[code] !== "string")) {
    throw refused(`its genres ${text("genres")} contradict its labels ${text("labels")}`);
  }
  return {
    labels,
    genres: Object.fromEntries(labels.map((code) => [code, names[code]])),
    window,
    decision: parseDecision(metadata.get("decision"), labels.length),
    dancing: parseFlag(metadata.get("dancing") ?? "false"),
  };
}

/**
 * @param {WindowSpec} window
 * @returns {WindowSpec}
 */
function parseWindow(window) {
  // Models exported by earlier versions do not have `trajectory`.
  const { seconds, min_seconds, length, axes, trajectory = false } = window;
  const valid =
    min_seconds > 0 &&
    min_seconds <= seconds &&
    seconds <= MAX_WINDOW_SECONDS &&
    Number.isInteger(length) &&
    length >= 2 &&
    length <= MAX_LENGTH &&
    ["xy", "xyz"].includes(axes) &&
    (trajectory === false || (trajectory === true && axes === "xy"));
  if (!valid) {
    throw refused(`its window is invalid: ${JSON.stringify(window)}`);
  }
  return { ...window, trajectory };
}

/**
 * @param {string | undefined} text
 * @param {number} genres Number of genres.
 * @returns {Decision}
 */
function parseDecision(text, genres) {
  if (text === undefined) {
    return uniformDecision(genres);
  }
  /** @type {Decision} */
  const decision = { duration_power: 0, ...JSON.parse(text) };
  const problem = decisionProblem(decision);
  if (problem || decision.enter.length !== genres) {
    throw refused(`its decision is invalid: ${problem || `it is not for ${genres} genres`}`);
  }
  return decision;
}

/** @param {string} text */
function parseFlag(text) {
  if (text !== "true" && text !== "false") {
    throw refused(`dancing must be "true" or "false", not "${text}"`);
  }
  return text === "true";
}

/** @param {WindowSpec} window */
function featureNames({ axes, velocity }) {
  return [...axes, ...(velocity ? [...axes].map((axis) => `v${axis}`) : [])];
}

/**
 * @param {unknown} items
 * @param {string[]} expected
 */
function sameItems(items, expected) {
  return JSON.stringify(items) === JSON.stringify(expected);
}
