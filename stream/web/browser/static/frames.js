/* Frames of a video: which to use, their times and their size. */

import { HopTimer } from "./core/recognizer.js";

// Longer sides are scaled down; the pose model uses 256 x 256 pixels per person.
const MAX_SIDE = 1920;

/** Filter that accepts frames at a maximum rate: those nearest to evenly spaced times. */
export class FramePace {
  /** @param {number} fps */
  constructor(fps) {
    this.timer = new HopTimer(1 / fps);
    /** @type {number | null} */
    this.last = null;
    this.interval = 0;
  }

  /** @param {number} time Time of the frame in seconds. */
  accepts(time) {
    if (this.last !== null && time < this.last) {
      this.timer.reset(); // The video has been rewound.
    } else if (this.last !== null) {
      this.interval = Math.min(time - this.last, this.timer.hop);
    }
    this.last = time;
    // If this frame is early by less than half an interval, the next one is not nearer.
    return this.timer.isDue(time + this.interval / 2);
  }
}

/**
 * Return the time of a video's frame in seconds.
 *
 * @param {HTMLVideoElement} video
 * @param {any} metadata Of `requestVideoFrameCallback`.
 */
export function frameTime(video, metadata) {
  // A file has exact times. Those of a camera depend on the browser; some have its capture times.
  return video.srcObject === null
    ? metadata.mediaTime
    : (metadata.captureTime ?? metadata.presentationTime) / 1000;
}

/**
 * Return a frame, scaled down if it is large.
 *
 * @param {ImageBitmap} frame
 * @returns {Promise<ImageBitmap>}
 */
export async function limitSize(frame) {
  const scale = MAX_SIDE / Math.max(frame.width, frame.height);
  if (scale >= 1) {
    return frame;
  }
  const small = await createImageBitmap(frame, {
    resizeWidth: Math.max(Math.round(frame.width * scale), 1),
    resizeHeight: Math.max(Math.round(frame.height * scale), 1),
    resizeQuality: "medium",
  });
  frame.close();
  return small;
}
