/* Pose estimation by MediaPipe's Pose Landmarker, as in `engine/pose/mediapipe.py`. */

import { FilesetResolver, PoseLandmarker } from "../vendor/tasks-vision/vision_bundle.mjs";
import { DancetypeError } from "./errors.js";
import { isPlausible } from "./skeleton.js";

/** @import { Landmarks } from "./skeleton.js" */

/** @typedef {"GPU" | "CPU"} Delegate Processor of the pose model; "GPU" means WebGL. */

const WASM_FOLDER = new URL("../vendor/tasks-vision", import.meta.url).href;
const SOFTWARE_RENDERERS = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/**
 * Return the faster delegate, without which a page cannot run.
 *
 * WebGL in software is slower than the CPU delegate.
 *
 * @returns {Delegate}
 * @throws {DancetypeError} The browser has no WebGL 2, which both delegates need.
 */
export function fasterDelegate() {
  const context = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (context === null) {
    throw new DancetypeError(
      "this browser has no WebGL 2; turn on hardware acceleration in its settings, or use another " +
        "browser",
    );
  }
  const names = context.getExtension("WEBGL_debug_renderer_info");
  const renderer = context.getParameter(names?.UNMASKED_RENDERER_WEBGL ?? context.RENDERER);
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return SOFTWARE_RENDERERS.test(renderer) ? "CPU" : "GPU";
}

/** Detector and tracker of one person in the frames of a camera or file; has to be closed. */
export class PoseEstimator {
  /**
   * @param {Uint8Array} model Content of the pose model.
   * @param {Delegate} delegate
   */
  static async open(model, delegate) {
    const estimator = new PoseEstimator(model, delegate);
    await estimator.reset();
    return estimator;
  }

  /**
   * @private
   * @param {Uint8Array} model
   * @param {Delegate} delegate
   */
  constructor(model, delegate) {
    this.model = model;
    this.delegate = delegate;
    /** @type {any} */
    this.landmarker = null;
    this.lastMs = -1;
    /** @type {number | null} */
    this.start = null;
  }

  /** Forget all frames. */
  async reset() {
    this.close();
    this.landmarker = await PoseLandmarker.createFromOptions(
      await FilesetResolver.forVisionTasks(WASM_FOLDER, true),
      {
        // The library keeps the buffer.
        baseOptions: { modelAssetBuffer: this.model.slice(), delegate: this.delegate },
        runningMode: "VIDEO",
        numPoses: 1,
      },
    );
    this.lastMs = -1;
    this.start = null;
  }

  /**
   * Return the landmarks of the person in a frame, or null.
   *
   * @param {ImageBitmap | VideoFrame} frame
   * @param {number} time Capture time in seconds.
   * @returns {Landmarks | null}
   */
  estimate(frame, time) {
    this.start ??= time;
    // Timestamps have to rise.
    this.lastMs = Math.max(Math.round((time - this.start) * 1000), this.lastMs + 1);
    const { landmarks, worldLandmarks } = this.landmarker.detectForVideo(frame, this.lastMs);
    if (worldLandmarks.length === 0) {
      return null;
    }
    const person = { world: worldLandmarks[0], image: landmarks[0] };
    return isPlausible(person) ? person : null;
  }

  /** Free the memory of the model. */
  close() {
    this.landmarker?.close();
    this.landmarker = null;
  }
}
