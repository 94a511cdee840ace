/* Smoothing of probabilities over time, and the decision when to name a genre. */

// Thresholds for models whose contract has none, tuned on the ten genres of AIST.
const ENTER = 0.65;
const LEAVE = 0.45;
const CHANCE = 1 / 10;
const TIME_CONSTANT = 1.5;
const MARGIN = 0.1;

const MAX_TIME_CONSTANT = 30;
const MAX_DURATION_POWER = 4;

/**
 * @typedef {Object} Decision Parameters of a rolling estimate, as in the contract.
 * @property {number} time_constant Seconds after which a window's weight has fallen to 1/e.
 * @property {number[]} enter Minimum confidence for naming each genre.
 * @property {number[]} leave Confidence below which each named genre is dropped.
 * @property {number} margin Lead in confidence that another genre needs to replace the named one.
 * @property {number} duration_power Exponent of a window's duration in its weight.
 */

/** @typedef {"warming_up" | "no_person" | "not_sure" | "genre"} Status */

/**
 * @typedef {Object} Estimate
 * @property {Status} status
 * @property {string | null} genre Code of the genre; null unless `status` is "genre".
 * @property {number} confidence Probability of the named genre, or else of the most likely one.
 * @property {number[]} probabilities Moving averages by genre; zeros without a window.
 * @property {number | null} dancing Probability that the person dances; null if unknown.
 */

/**
 * Return the decision for models whose contract has none.
 *
 * @param {number} genres Number of genres.
 * @returns {Decision}
 */
export function uniformDecision(genres) {
  const rescaled = (/** @type {number} */ confidence) =>
    1 / genres + ((confidence - CHANCE) / (1 - CHANCE)) * (1 - 1 / genres);
  return {
    time_constant: TIME_CONSTANT,
    enter: Array(genres).fill(rescaled(ENTER)),
    leave: Array(genres).fill(rescaled(LEAVE)),
    margin: MARGIN,
    duration_power: 0,
  };
}

/**
 * Return why a decision is invalid, or "".
 *
 * @param {Decision} decision
 * @returns {string}
 */
export function decisionProblem({ time_constant, enter, leave, margin, duration_power }) {
  const isBetween = (/** @type {unknown} */ value, /** @type {number} */ limit) =>
    typeof value === "number" && value >= 0 && value <= limit;
  if (!isBetween(time_constant, MAX_TIME_CONSTANT) || time_constant === 0) {
    return `time_constant must be more than 0 and at most ${MAX_TIME_CONSTANT}`;
  }
  if (!isBetween(margin, 1)) {
    return "margin must be from 0 to 1";
  }
  if (!isBetween(duration_power, MAX_DURATION_POWER)) {
    return `duration_power must be from 0 to ${MAX_DURATION_POWER}`;
  }
  if (!Array.isArray(enter) || !Array.isArray(leave) || enter.length !== leave.length) {
    return "enter and leave must have a threshold for each genre";
  }
  const valid = enter.every((value, i) => isBetween(value, 1) && isBetween(leave[i], value));
  return valid ? "" : "need 0 <= leave <= enter <= 1";
}

/** Moving average of probabilities that decides when to name a genre. */
export class RollingEstimate {
  /**
   * @param {string[]} labels Codes of the genres in the classifier's order.
   * @param {Decision} decision
   * @param {boolean} hasDancing Whether probabilities sum to that of dancing, instead of to 1.
   */
  constructor(labels, decision, hasDancing) {
    this.labels = labels;
    this.decision = decision;
    this.hasDancing = hasDancing;
    this.reset();
  }

  /** Forget all windows. */
  reset() {
    this.mean = this.labels.map(() => 0);
    this.weight = 0;
    /** @type {number | null} */
    this.time = null;
    /** @type {number | null} */
    this.named = null;
  }

  /**
   * Forget all windows and return an estimate without a genre.
   *
   * @param {Status} status
   * @returns {Estimate}
   */
  updateWithoutWindow(status) {
    this.reset();
    return { status, genre: null, confidence: 0, probabilities: this.mean, dancing: null };
  }

  /**
   * Add a window and return the estimate.
   *
   * @param {number} time Time in seconds at which the window ends.
   * @param {ArrayLike<number>} probabilities
   * @param {number} seconds Duration of the window.
   * @returns {Estimate}
   */
  update(time, probabilities, seconds) {
    const { time_constant, duration_power } = this.decision;
    const elapsed = this.time === null ? Infinity : Math.max(time - this.time, 0);
    const decay = Math.exp(-elapsed / time_constant);
    const weight = (1 - decay) * seconds ** duration_power;
    this.weight = decay * this.weight + weight;
    const share = this.weight > 0 ? weight / this.weight : 0;
    this.mean = this.mean.map((mean, i) => mean + share * (probabilities[i] - mean));
    this.time = time;
    const best = this.mean.indexOf(Math.max(...this.mean));
    this.named = this.decide(best);
    return {
      status: this.named === null ? "not_sure" : "genre",
      genre: this.named === null ? null : this.labels[this.named],
      confidence: this.mean[this.named ?? best],
      probabilities: this.mean,
      dancing: this.hasDancing ? this.mean.reduce((sum, value) => sum + value, 0) : null,
    };
  }

  /**
   * @param {number} best Index of the most likely genre.
   * @returns {number | null} Index of the genre to name.
   */
  decide(best) {
    const { mean, named } = this;
    const { enter, leave, margin } = this.decision;
    if (named !== null && mean[named] >= leave[named]) {
      return mean[best] >= Math.max(enter[best], mean[named] + margin) ? best : named;
    }
    return mean[best] >= enter[best] ? best : null;
  }
}
