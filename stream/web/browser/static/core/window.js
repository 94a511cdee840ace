/* Windows of poses, cut as `engine/window.py` cuts them for training. */

import { JOINTS, pelvis, pelvisCentred } from "./skeleton.js";

/** Maximum gap in seconds between the poses of a window; a longer gap starts a new window. */
export const MAX_GAP = 0.5;

const OVERSAMPLING = 4; // samples per step before smoothing
const MAX_COORDINATE = 1e9;

/**
 * @typedef {Object} WindowSpec Shape and contents of a window, as in the contract.
 * @property {number} seconds Duration of a full window.
 * @property {number} min_seconds Minimum duration; a shorter window is stretched.
 * @property {number} length Number of steps (L).
 * @property {"xy" | "xyz"} axes
 * @property {boolean} velocity Whether the features include velocities, after the positions.
 * @property {boolean} smooth Whether each step is a weighted mean over nearby times.
 * @property {boolean} trajectory Whether the pelvis, relative to its mean position in the window,
 *   follows the joints.
 */

/**
 * @typedef {Object} Window
 * @property {Float32Array | null} features (L * F), or null if the poses span too little time.
 * @property {number} seconds Time between the first and the last pose used.
 * @property {boolean} empty Whether the last `MAX_GAP` seconds have no pose.
 */

/**
 * @typedef {Object} TimedPose
 * @property {number} time Capture time in seconds.
 * @property {Float64Array | null} pose (17 * 3) as `poseOf` returns, or null without a person.
 */

/**
 * Return the number of values per step (F).
 *
 * @param {WindowSpec} spec
 */
export function featureCount(spec) {
  return (JOINTS.length + Number(spec.trajectory)) * channels(spec);
}

/**
 * Return the number of values per point (C).
 *
 * @param {WindowSpec} spec
 */
function channels(spec) {
  return spec.axes.length * (spec.velocity ? 2 : 1);
}

/**
 * Return the window at `end`: poses since the last long gap, resampled and normalised.
 *
 * @param {TimedPose[]} frames Frames by rising time.
 * @param {WindowSpec} spec
 * @param {number} end Capture time at which the window ends.
 * @returns {Window}
 */
export function cutWindow(frames, spec, end) {
  let valid = frames.filter(
    ({ time, pose }) =>
      time > end - spec.seconds - MAX_GAP &&
      time <= end &&
      pose?.every((value) => Math.abs(value) < MAX_COORDINATE),
  );
  if (valid.length === 0 || end - valid[valid.length - 1].time > MAX_GAP) {
    return { features: null, seconds: 0, empty: true };
  }
  for (let i = valid.length - 1; i > 0; i -= 1) {
    if (valid[i].time - valid[i - 1].time > MAX_GAP) {
      valid = valid.slice(i);
      break;
    }
  }
  const last = valid[valid.length - 1].time;
  const start = Math.max(valid[0].time, last - spec.seconds);
  const seconds = last - start;
  // Frame times vary slightly: 0.99 s counts as 1 s.
  if (valid.length < 2 || seconds < spec.min_seconds - 0.05) {
    return { features: null, seconds, empty: false };
  }
  return { features: features(valid, spec, start, seconds), seconds, empty: false };
}

/**
 * @param {TimedPose[]} frames
 * @param {WindowSpec} spec
 * @param {number} start
 * @param {number} seconds
 * @returns {Float32Array} (L * F)
 */
function features(frames, spec, start, seconds) {
  const dimensions = spec.axes.length;
  const steps = normalise(resample(frames, spec, start, seconds), dimensions);
  const width = channels(spec);
  const count = featureCount(spec);
  const result = new Float32Array(spec.length * count);
  const interval = seconds / (spec.length - 1);
  steps.forEach((step, row) => {
    // Differences are one-sided at the ends.
    const before = Math.max(row - 1, 0);
    const after = Math.min(row + 1, spec.length - 1);
    step.forEach((position, index) => {
      const point = Math.floor(index / dimensions);
      const offset = row * count + point * width + (index % dimensions);
      result[offset] = position;
      if (spec.velocity) {
        const change = steps[after][index] - steps[before][index];
        result[offset + dimensions] = change / (interval * (after - before));
      }
    });
  });
  return result;
}

/**
 * Divide positions by the median over time of the largest distance of a joint from the pelvis.
 *
 * Points after the joints are first moved to a mean position of 0.
 *
 * @param {Float64Array[]} steps L arrays of (P * D).
 * @param {number} dimensions D
 */
function normalise(steps, dimensions) {
  const joints = JOINTS.length * dimensions;
  const radii = steps.map((step) => {
    let largest = 0;
    for (let i = 0; i < joints; i += dimensions) {
      largest = Math.max(largest, Math.hypot(...step.subarray(i, i + dimensions)));
    }
    return largest;
  });
  // The median, so that one bad frame does not determine the scale.
  const scale = Math.max(median(radii), 1e-6);
  const origin = steps[0].map((_, index) => (index < joints ? 0 : mean(steps, index)));
  return steps.map((step) => step.map((value, index) => (value - origin[index]) / scale));
}

/**
 * @param {Float64Array[]} steps
 * @param {number} index
 */
function mean(steps, index) {
  return steps.reduce((total, step) => total + step[index], 0) / steps.length;
}

/** @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Interpolate the points at L times from `start` on, and smooth them if required.
 *
 * @param {TimedPose[]} frames
 * @param {WindowSpec} spec
 * @param {number} start
 * @param {number} seconds
 * @returns {Float64Array[]} L arrays of (P * D).
 */
function resample(frames, spec, start, seconds) {
  const points = frames.map(({ pose }) => pointsOf(pose, spec));
  const count = spec.smooth ? (spec.length - 1) * OVERSAMPLING + 1 : spec.length;
  const samples = [];
  let right = 1;
  for (let i = 0; i < count; i += 1) {
    const time = start + (seconds * i) / (count - 1);
    while (right < frames.length - 1 && frames[right].time < time) {
      right += 1;
    }
    const interval = frames[right].time - frames[right - 1].time;
    const fraction = (time - frames[right - 1].time) / interval;
    samples.push(mix(points[right - 1], points[right], Math.min(Math.max(fraction, 0), 1)));
  }
  return spec.smooth ? smoothed(samples, spec.length) : samples;
}

/**
 * Return the joints relative to the pelvis and, if required, the pelvis.
 *
 * @param {Float64Array} pose (17 * 3)
 * @param {WindowSpec} spec
 * @returns {Float64Array} (P * D)
 */
function pointsOf(pose, { axes, trajectory }) {
  const points = [...pelvisCentred(pose), ...(trajectory ? pelvis(pose) : [])];
  return Float64Array.from(points.filter((_, index) => index % 3 < axes.length));
}

/**
 * @param {Float64Array} from
 * @param {Float64Array} to
 * @param {number} weight Weight of `to`, from 0 to 1.
 */
function mix(from, to, weight) {
  return from.map((value, index) => value * (1 - weight) + to[index] * weight);
}

/**
 * Average samples around each step with triangular weights, truncated at both ends.
 *
 * @param {Float64Array[]} samples (4 L - 3) arrays.
 * @param {number} length L
 * @returns {Float64Array[]} L arrays.
 */
function smoothed(samples, length) {
  return Array.from({ length }, (_, step) => {
    const centre = step * OVERSAMPLING;
    const sum = new Float64Array(samples[0].length);
    let total = 0;
    for (let offset = 1 - OVERSAMPLING; offset < OVERSAMPLING; offset += 1) {
      const sample = samples[centre + offset];
      const weight = 1 - Math.abs(offset) / OVERSAMPLING;
      if (sample !== undefined) {
        total += weight;
        sample.forEach((value, index) => (sum[index] += value * weight));
      }
    }
    return sum.map((value) => value / total);
  });
}
