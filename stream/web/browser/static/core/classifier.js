/* Genre model on onnxruntime-web. */

import * as ort from "../vendor/onnxruntime-web/ort.wasm.min.mjs";
import { readContract } from "./contract.js";
import { DancetypeError } from "./errors.js";
import { featureCount } from "./window.js";

const SUM_TOLERANCE = 0.01;
const ERROR_LEVEL = 3;

const folder = new URL("../vendor/onnxruntime-web/", import.meta.url);
ort.env.wasm.wasmPaths = {
  mjs: new URL("ort-wasm-simd-threaded.mjs", folder).href,
  wasm: new URL("ort-wasm-simd-threaded.wasm", folder).href,
};
// A window takes a millisecond; more threads would need a cross-origin isolated page.
ort.env.wasm.numThreads = 1;

/** Genre model that maps windows to calibrated probabilities of the genres. */
export class Classifier {
  /**
   * @param {Uint8Array} model Content of the ONNX file.
   * @returns {Promise<Classifier>}
   * @throws {DancetypeError} The file is not a model with a valid contract.
   */
  static async open(model) {
    const contract = readContract(model);
    let session;
    try {
      session = await ort.InferenceSession.create(model, {
        executionProviders: ["wasm"],
        logSeverityLevel: ERROR_LEVEL,
      });
    } catch (error) {
      throw new DancetypeError(
        `the genre model cannot be run: ${/** @type {Error} */ (error).message}`,
      );
    }
    const classifier = new Classifier(session, contract);
    await classifier.check();
    return classifier;
  }

  /**
   * @private
   * @param {any} session
   * @param {import("./contract.js").Contract} contract
   */
  constructor(session, contract) {
    this.session = session;
    this.contract = contract;
    this.features = featureCount(contract.window);
  }

  /**
   * Return the probability of each genre.
   *
   * @param {Float32Array} features (L * F)
   * @returns {Promise<Float32Array>}
   */
  async classify(features) {
    const shape = [1, this.contract.window.length, this.features];
    const inputs = { [this.session.inputNames[0]]: new ort.Tensor("float32", features, shape) };
    const outputs = await this.session.run(inputs);
    return outputs[this.session.outputNames[0]].data;
  }

  /** Run the model once: a damaged one may load, but then fail or not return probabilities. */
  async check() {
    const { labels, window, dancing } = this.contract;
    const output = await this.classify(new Float32Array(window.length * this.features));
    const sum = output.reduce((total, value) => total + value, 0);
    const valid =
      output.length === labels.length &&
      output.every((value) => value >= 0) &&
      sum < 1 + SUM_TOLERANCE &&
      (dancing || sum > 1 - SUM_TOLERANCE);
    if (!valid) {
      throw new DancetypeError(
        "the genre model is refused because its outputs are not probabilities of its genres",
      );
    }
  }

  /** Free the memory of the model. */
  close() {
    return this.session.release();
  }
}
