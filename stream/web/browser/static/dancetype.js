/*
 * dancetype in a web page: genre of the dance in a video, without a server.
 *
 *     import { DanceClassifier } from "./dancetype.js";
 *     const classifier = await DanceClassifier.load();
 *     classifier.watch(video, ({ prediction }) => console.log(prediction?.name));
 */

import { DancetypeError } from "./core/errors.js";
import { DEFAULT_HOP } from "./core/recognizer.js";
import { FramePace, frameTime, limitSize } from "./frames.js";

export { DancetypeError };

/** @import { Contract } from "./core/contract.js" */
/** @import { Delegate } from "./core/pose.js" */
/** @import { Landmark } from "./core/skeleton.js" */
/** @import { FrameReply } from "./core/worker.js" */

/** Poses per second, as in live runs of dancetype. */
export const MAX_POSE_FPS = 15;

const RATE_SPAN = 2;

// The smallest module with an instruction of WebAssembly SIMD.
const SIMD_MODULE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15,
  253, 98, 11,
]);

/**
 * @typedef {Object} LoadOptions
 * @property {string} [source] Name of the source in predictions.
 * @property {number} [hop] Seconds between predictions.
 * @property {number} [maxPoseFps] Maximum number of poses per second.
 * @property {Delegate | "auto"} [delegate] Processor of the pose model; "GPU" means WebGL.
 * @property {string | URL} [genreModel] URL of another genre model, an ONNX file with a contract.
 * @property {(step: string) => void} [onProgress] Called with each step of loading.
 */

/**
 * @typedef {Object} Prediction Message of type `prediction`, as in docs/reference/protocol.md.
 * @property {1} version
 * @property {"prediction"} type
 * @property {string} source
 * @property {number} epoch
 * @property {number} seq
 * @property {import("./core/rolling.js").Status} status
 * @property {string | null} genre
 * @property {string | null} name
 * @property {number} confidence
 * @property {Record<string, number>} probabilities
 * @property {number | null} dancing
 * @property {number} window
 * @property {Object[]} dancers
 * @property {Record<string, number>} times
 * @property {Record<string, number>} latency
 * @property {Record<string, number>} frames
 * @property {number} fps
 * @property {number} pose_fps
 * @property {{ width: number, height: number }} image
 */

/**
 * @typedef {Object} FrameResult
 * @property {number} time Time of the frame in seconds.
 * @property {[number, number, number][] | null} joints x, y and visibility of COCO's 17 joints, from
 *     0 to 1; null without a person.
 * @property {Landmark[] | null} world BlazePose's 33 landmarks in metres; null without a person.
 * @property {Prediction | null} prediction Prediction, or null if none was due with this frame.
 * @property {number[] | null} windowProbabilities Probabilities of the prediction's window alone.
 * @property {number} poseSeconds Duration of pose estimation.
 */

/** Classifier of the dance in one video; it runs in a worker and has to be closed. */
export class DanceClassifier {
  /**
   * Load both models and their runtimes: about 41 MB, or 21 MB compressed.
   *
   * @param {LoadOptions} [options]
   * @returns {Promise<DanceClassifier>}
   * @throws {DancetypeError} The browser lacks a feature, or a file cannot be used.
   */
  static async load(options = {}) {
    if (!WebAssembly.validate(SIMD_MODULE)) {
      throw new DancetypeError("this browser has no WebAssembly SIMD; use a newer one");
    }
    const classifier = new DanceClassifier(options);
    try {
      await classifier.open(options);
    } catch (error) {
      classifier.close();
      throw error;
    }
    return classifier;
  }

  /**
   * @private
   * @param {LoadOptions} options
   */
  constructor({ source = "browser", maxPoseFps = MAX_POSE_FPS, onProgress }) {
    this.source = source;
    this.maxPoseFps = maxPoseFps;
    this.onProgress = onProgress;
    /** @type {Map<number, { resolve: (reply: any) => void, reject: (error: Error) => void }>} */
    this.pending = new Map();
    this.requests = 0;
    this.epoch = 0;
    this.seq = 0;
    this.startEpoch();
    /** @type {Promise<void>} Resolved when the worker accepts requests. */
    this.started = new Promise((resolve, reject) => this.pending.set(0, { resolve, reject }));
    this.worker = this.createWorker();
    /** @type {Contract} */
    this.contract;
    /** @type {Delegate} Processor of the pose model. */
    this.delegate;
  }

  /** @param {LoadOptions} options */
  async open({ hop = DEFAULT_HOP, delegate = "auto", genreModel = "./models/genre.onnx" }) {
    await this.started;
    const { contract, delegate: chosen } = await this.request("load", {
      genreModel: new URL(genreModel, import.meta.url).href,
      poseModel: new URL("./models/pose.task", import.meta.url).href,
      hop,
      delegate,
    });
    this.contract = contract;
    this.delegate = chosen;
  }

  /**
   * Process one frame; wait for the result before the next one.
   *
   * @param {ImageBitmapSource} image
   * @param {number} time Time of the frame in seconds, on any clock that rises.
   * @returns {Promise<FrameResult>}
   * @throws {DancetypeError} The frame cannot be processed.
   */
  async push(image, time) {
    const captured = now();
    const frame = await createImageBitmap(image);
    return this.process(await limitSize(frame), time, captured);
  }

  /**
   * Process the newest frames of a video while it plays.
   *
   * @param {HTMLVideoElement} video
   * @param {(result: FrameResult) => void} onFrame Called with each processed frame.
   * @param {(error: Error) => void} [onError] Called if processing fails, which ends it.
   * @returns {() => void} Function that ends processing.
   */
  watch(video, onFrame, onError = (error) => console.error(error)) {
    if (!("requestVideoFrameCallback" in video)) {
      throw new DancetypeError(
        "this browser does not report the frames of a video; use a newer one",
      );
    }
    const pace = new FramePace(this.maxPoseFps);
    let last = -Infinity;
    let rewound = false;
    let busy = false;
    let stopped = false;

    const process = async (/** @type {number} */ time) => {
      busy = true;
      try {
        if (rewound) {
          rewound = false;
          await this.reset();
        }
        const result = await this.push(video, time);
        if (!stopped) {
          onFrame(result);
        }
      } catch (error) {
        if (!stopped) {
          stopped = true;
          onError(/** @type {Error} */ (error));
        }
      }
      busy = false;
    };
    const onVideoFrame = (/** @type {number} */ _, /** @type {any} */ metadata) => {
      if (stopped) {
        return;
      }
      video.requestVideoFrameCallback(onVideoFrame);
      this.counts.captured += 1;
      const time = frameTime(video, metadata);
      rewound ||= time < last;
      last = time;
      if (video.videoWidth === 0 || !pace.accepts(time)) {
        return;
      }
      if (busy) {
        this.counts.dropped += 1;
      } else {
        process(time);
      }
    };
    video.requestVideoFrameCallback(onVideoFrame);
    return () => {
      stopped = true;
    };
  }

  /** Start over, as for another camera or file. */
  async reset() {
    this.epoch += 1;
    this.startEpoch();
    await this.request("reset", {});
  }

  /** Free the memory of the models; the classifier cannot be used afterwards. */
  close() {
    this.worker.terminate();
    this.fail(new DancetypeError("the classifier has been closed"));
  }

  /** @private */
  startEpoch() {
    this.counts = { captured: 0, posed: 0, dropped: 0 };
    /** @type {number[]} */
    this.recent = [];
  }

  /**
   * @private
   * @param {ImageBitmap} frame
   * @param {number} time
   * @param {number} captured Wall time in seconds.
   * @returns {Promise<FrameResult>}
   */
  async process(frame, time, captured) {
    const image = { width: frame.width, height: frame.height };
    const started = now();
    /** @type {FrameReply} */
    const reply = await this.request("frame", { frame, time }, [frame]);
    this.counts.posed += 1;
    this.recent = [...this.recent, started].filter((at) => started - at <= RATE_SPAN);
    const { joints, world, result, poseSeconds } = reply;
    return {
      time,
      joints,
      world,
      prediction: result && this.buildPrediction(reply, image, captured, started),
      windowProbabilities: result && result.windowProbabilities,
      poseSeconds,
    };
  }

  /**
   * @private
   * @param {FrameReply} reply
   * @param {{ width: number, height: number }} image
   * @param {number} captured
   * @param {number} started
   * @returns {Prediction}
   */
  buildPrediction({ joints, result, poseSeconds, classifySeconds }, image, captured, started) {
    const { estimate, windowSeconds } = result;
    const { status, genre, confidence, probabilities, dancing } = estimate;
    const { labels, genres } = this.contract;
    const outcome = {
      status,
      genre,
      name: genre && genres[genre],
      confidence: probability(confidence),
      probabilities: Object.fromEntries(
        labels.map((code, i) => [code, probability(probabilities[i])]),
      ),
      dancing: dancing === null ? null : probability(dancing),
      window: windowSeconds,
    };
    const sent = now();
    const posed = started + poseSeconds;
    const seq = this.seq;
    this.seq += 1;
    return {
      version: 1,
      type: "prediction",
      source: this.source,
      epoch: this.epoch,
      seq,
      ...outcome,
      dancers: status === "no_person" ? [] : [{ id: 1, ...outcome, joints }],
      times: { capture: captured, pose: posed, window_end: captured, sent },
      latency: {
        capture: started - captured,
        pose: poseSeconds,
        classify: classifySeconds,
        send: Math.max(sent - posed - classifySeconds, 0),
      },
      frames: { ...this.counts, captured: Math.max(this.counts.captured, this.counts.posed) },
      fps: this.posesPerSecond,
      pose_fps: this.maxPoseFps,
      image,
    };
  }

  /** Recent number of poses per second. */
  get posesPerSecond() {
    const span = this.recent[this.recent.length - 1] - this.recent[0];
    return span > 0 ? (this.recent.length - 1) / span : 0;
  }

  /** @private */
  createWorker() {
    const { href } = new URL("./core/worker.js", import.meta.url);
    // A worker from a blob has the Content-Security-Policy of the page. One from a URL would have
    // that of its response, and not every static server sends one. Chromium applies the policy
    // correctly to dynamic imports only.
    const script = `import(${JSON.stringify(href)}).catch((error) => postMessage({ failure: String(error) }));`;
    const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const worker = new Worker(url, { type: "module", name: "dancetype" });
    worker.addEventListener("message", ({ data }) => this.onMessage(data));
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.failToStart(event.message ?? "");
    });
    return worker;
  }

  /**
   * @private
   * @param {string} type
   * @param {Object} request
   * @param {Transferable[]} [transfer]
   * @returns {Promise<any>}
   */
  request(type, request, transfer = []) {
    return new Promise((resolve, reject) => {
      this.requests += 1;
      this.pending.set(this.requests, { resolve, reject });
      this.worker.postMessage({ id: this.requests, type, ...request }, transfer);
    });
  }

  /**
   * @private
   * @param {any} message
   */
  onMessage({ id, reply, error, progress, failure }) {
    if (failure !== undefined) {
      this.failToStart(failure);
      return;
    }
    if (progress !== undefined) {
      this.onProgress?.(progress);
      return;
    }
    const request = this.pending.get(id);
    this.pending.delete(id);
    if (error === undefined) {
      request?.resolve(reply);
    } else {
      request?.reject(new DancetypeError(error));
    }
  }

  /**
   * @private
   * @param {string} reason
   */
  failToStart(reason) {
    this.fail(
      new DancetypeError(
        `the worker cannot be started${reason && `: ${reason}`}; use a newer browser, or copy the ` +
          "complete folder of dancetype browser to the server",
      ),
    );
  }

  /**
   * @private
   * @param {Error} error
   */
  fail(error) {
    const requests = [...this.pending.values()];
    this.pending.clear();
    requests.forEach(({ reject }) => reject(error));
  }
}

/** Return the time in seconds since 1970, on a clock that never jumps. */
function now() {
  return (performance.timeOrigin + performance.now()) / 1000;
}

/** @param {number} value */
function probability(value) {
  return Math.round(Math.min(Math.max(value, 0), 1) * 10000) / 10000;
}
