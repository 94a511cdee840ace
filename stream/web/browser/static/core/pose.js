/* Pose estimation by MediaPipe's Pose Landmarker, as in `engine/pose/mediapipe.py`. */

import { PoseLandmarker } from "../vendor/tasks-vision/vision_bundle.mjs";
import { DancetypeError } from "./errors.js";
import { isPlausible } from "./skeleton.js";

/** @import { Landmarks } from "./skeleton.js" */

/** @typedef {"GPU" | "CPU"} Delegate Processor of the pose model; "GPU" means WebGL. */

const LOADER = new URL("../vendor/tasks-vision/vision_wasm_module_internal.js", import.meta.url);
// A day, after which old positions contribute less than a millimetre to smoothed ones.
const GAP_MS = 24 * 3600 * 1000;
const SOFTWARE_RENDERERS = /swiftshader|llvmpipe|softpipe|software|basic render/i;

let copies = 0;

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
    // MediaPipe's loader works once, so each estimator needs a separate copy of it.
    const loader = new URL(`?${(copies += 1)}`, LOADER).href;
    const fileset = {
      wasmLoaderPath: loader,
      wasmBinaryPath: LOADER.href.replace(/js$/, "wasm"),
    };
    const landmarker = await PoseLandmarker.createFromOptions(fileset, {
      baseOptions: { modelAssetBuffer: model, delegate },
      runningMode: "VIDEO",
      numPoses: 1,
    });
    return new PoseEstimator(landmarker, delegate);
  }

  /**
   * @private
   * @param {any} landmarker
   * @param {Delegate} delegate
   */
  constructor(landmarker, delegate) {
    this.landmarker = landmarker;
    this.delegate = delegate;
    this.lastMs = -1;
    /** @type {number | null} Time of which the timestamp is 0. */
    this.start = null;
  }

  /**
   * Forget all frames, without loading the model again.
   *
   * A black image ends the track, and a long gap ends the smoothing.
   */
  reset() {
    this.lastMs += GAP_MS;
    this.landmarker.detectForVideo(new ImageData(64, 64), this.lastMs);
    this.lastMs += GAP_MS;
    this.start = null;
  }

  /**
   * Return the landmarks of the person in a frame, or null.
   *
   * @param {ImageBitmap} frame
   * @param {number} time Capture time in seconds.
   * @returns {Landmarks | null}
   */
  estimate(frame, time) {
    this.start ??= time - (this.lastMs + 1) / 1000;
    // Timestamps have to rise.
    this.lastMs = Math.max(Math.round((time - this.start) * 1000), this.lastMs + 1);
    const { landmarks, worldLandmarks } = this.landmarker.detectForVideo(frame, this.lastMs);
    if (worldLandmarks.length === 0) {
      return null;
    }
    const aspect = frame.width / frame.height;
    const person = { world: worldLandmarks[0], image: landmarks[0], aspect };
    return isPlausible(person) ? person : null;
  }

  /** Free the memory of the model. */
  close() {
    this.landmarker.close();
  }
}
