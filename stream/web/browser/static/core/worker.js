/* Worker that runs both models, so that the page stays responsive. */

import { Classifier } from "./classifier.js";
import { DancetypeError } from "./errors.js";
import { PoseEstimator, fasterDelegate } from "./pose.js";
import { Recognizer } from "./recognizer.js";
import { imageJoints } from "./skeleton.js";

/** @import { Delegate } from "./pose.js" */
/** @import { Result } from "./recognizer.js" */

/**
 * @typedef {Object} LoadRequest
 * @property {string} genreModel URL of the genre model.
 * @property {string} poseModel URL of the pose model.
 * @property {number} hop Seconds between predictions.
 * @property {Delegate | "auto"} delegate
 */

/**
 * @typedef {Object} FrameReply
 * @property {[number, number, number][] | null} joints Joints in the image; null without a person.
 * @property {Result | null} result Prediction; null if none was due.
 * @property {number} poseSeconds
 * @property {number} classifySeconds
 * @property {import("./skeleton.js").Landmark[] | null} world World landmarks; null without a person.
 */

/** @type {PoseEstimator} */
let estimator;
/** @type {Classifier} */
let classifier;
/** @type {Recognizer} */
let recognizer;

/**
 * @param {string} url
 * @returns {Promise<Uint8Array>}
 */
async function download(url) {
  const name = url.slice(url.lastIndexOf("/") + 1);
  let response;
  try {
    response = await fetch(url);
  } catch {
    throw new DancetypeError(`${name} cannot be loaded; check the network, and reload the page`);
  }
  if (!response.ok) {
    throw new DancetypeError(
      `${name} cannot be loaded: the server answered ${response.status}; copy the complete folder ` +
        "of dancetype browser to the server",
    );
  }
  return new Uint8Array(await response.arrayBuffer());
}

const requests = {
  /** @param {LoadRequest} request */
  async load({ genreModel, poseModel, hop, delegate }) {
    const chosen = delegate === "auto" ? fasterDelegate() : delegate;
    postMessage({ progress: "loading the genre model" });
    classifier = await Classifier.open(await download(genreModel));
    postMessage({ progress: "loading the pose model" });
    estimator = await openEstimator(await download(poseModel), chosen, delegate === "auto");
    recognizer = new Recognizer(
      classifier.contract,
      (features) => classifier.classify(features),
      hop,
    );
    return { contract: classifier.contract, delegate: estimator.delegate };
  },

  /**
   * @param {{ frame: ImageBitmap, time: number }} request
   * @returns {Promise<FrameReply>}
   */
  async frame({ frame, time }) {
    const start = performance.now();
    let landmarks;
    try {
      landmarks = estimator.estimate(frame, time);
    } finally {
      frame.close();
    }
    const posed = performance.now();
    const result = await recognizer.push(time, landmarks);
    return {
      joints: landmarks && imageJoints(landmarks),
      result,
      poseSeconds: (posed - start) / 1000,
      classifySeconds: (performance.now() - posed) / 1000,
      world: landmarks && landmarks.world,
    };
  },

  async reset() {
    recognizer.reset();
    estimator.reset();
  },
};

/**
 * @param {Uint8Array} model
 * @param {Delegate} delegate
 * @param {boolean} mayFallBack Whether to use the CPU if WebGL fails.
 */
async function openEstimator(model, delegate, mayFallBack) {
  try {
    return await PoseEstimator.open(model, delegate);
  } catch (error) {
    if (delegate === "GPU" && mayFallBack) {
      return PoseEstimator.open(model, "CPU");
    }
    throw new DancetypeError(
      `the pose model cannot be run: ${/** @type {Error} */ (error).message}`,
    );
  }
}

// Requests are processed one after the other, since the models keep state.
let queue = Promise.resolve();

addEventListener("message", ({ data: { id, type, ...request } }) => {
  queue = queue.then(async () => {
    try {
      postMessage({ id, reply: await requests[type](request) });
    } catch (error) {
      const { name, message } = /** @type {Error} */ (error);
      postMessage({ id, error: name === "DancetypeError" ? message : `${name}: ${message}` });
    }
  });
});

// The answer to request 0, which is the start itself.
postMessage({ id: 0, reply: null });
