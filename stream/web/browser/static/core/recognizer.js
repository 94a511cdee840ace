/* Predictions for one dancer from the landmarks of each frame. */

import { RollingEstimate } from "./rolling.js";
import { poseOf } from "./skeleton.js";
import { cutWindow } from "./window.js";

/** @import { Contract } from "./contract.js" */
/** @import { Estimate } from "./rolling.js" */
/** @import { Landmarks } from "./skeleton.js" */
/** @import { TimedPose } from "./window.js" */

/** Seconds between predictions. */
export const DEFAULT_HOP = 0.25;

/**
 * @typedef {Object} Result Prediction at one hop.
 * @property {Estimate} estimate
 * @property {number} windowSeconds Duration of the window; 0 without one.
 * @property {number[] | null} windowProbabilities Those of this window alone.
 */

/**
 * @callback Classify
 * @param {Float32Array} features (L * F)
 * @returns {Promise<ArrayLike<number>>} Probability of each genre.
 */

/** Schedule that decides at which frames something is due, by capture time. */
export class HopTimer {
  /** @param {number} hop Seconds between due times. */
  constructor(hop) {
    this.hop = hop;
    this.reset();
  }

  /** Make the next frame due. */
  reset() {
    /** @type {number | null} */
    this.due = null;
  }

  /**
   * Return whether something is due with the frame captured at `time` seconds.
   *
   * @param {number} time
   */
  isDue(time) {
    if (this.due !== null && time < this.due) {
      return false;
    }
    // Due times are a hop apart, even if frames are late. They restart after a gap.
    if (this.due === null || time - this.due > this.hop) {
      this.due = time;
    }
    this.due += this.hop;
    return true;
  }
}

/** Recent poses and rolling estimate of one dancer. */
export class Recognizer {
  /**
   * @param {Contract} contract
   * @param {Classify} classify Function that runs the genre model.
   * @param {number} hop Seconds between predictions.
   */
  constructor(contract, classify, hop = DEFAULT_HOP) {
    this.window = contract.window;
    this.classify = classify;
    this.timer = new HopTimer(hop);
    this.rolling = new RollingEstimate(contract.labels, contract.decision, contract.dancing);
    this.reset();
  }

  /** Start over, as for a new camera or file. */
  reset() {
    /** @type {TimedPose[]} */
    this.frames = [];
    this.rolling.reset();
    this.timer.reset();
  }

  /**
   * Add the pose in a frame, and return a prediction if one is due, else null.
   *
   * A frame that is not newer than the last one is ignored. Wait for the result before the next
   * call.
   *
   * @param {number} time Capture time in seconds.
   * @param {Landmarks | null} landmarks Landmarks of the dancer, or null without a person.
   * @returns {Promise<Result | null>}
   */
  async push(time, landmarks) {
    const last = this.frames[this.frames.length - 1];
    if (!Number.isFinite(time) || (last && time <= last.time)) {
      return null;
    }
    this.frames.push({ time, pose: landmarks && poseOf(landmarks) });
    // One frame before the window is kept, so that its start can be interpolated.
    while (this.frames.length > 2 && this.frames[1].time <= time - this.window.seconds) {
      this.frames.shift();
    }
    return this.timer.isDue(time) ? this.predict(time) : null;
  }

  /**
   * @param {number} time
   * @returns {Promise<Result>}
   */
  async predict(time) {
    const { features, seconds, empty } = cutWindow(this.frames, this.window, time);
    if (features === null) {
      const estimate = this.rolling.updateWithoutWindow(empty ? "no_person" : "warming_up");
      return { estimate, windowSeconds: 0, windowProbabilities: null };
    }
    const probabilities = Array.from(await this.classify(features));
    const estimate = this.rolling.update(time, probabilities, seconds);
    return { estimate, windowSeconds: seconds, windowProbabilities: probabilities };
  }
}
