/* Overlays of the server's product, in frames that receive messages from this page. */

/** @import { FrameResult, Prediction } from "../dancetype.js" */

/**
 * Parameters of the overlays: over the video, and below it on a narrow screen, where text over the
 * video would be too small.
 */
const WIDE = { over: "layout=bar&show=genre,bars,skeleton,timeline&fit=camera", below: null };
const NARROW = {
  over: "layout=full&show=skeleton&fit=camera",
  below: "layout=full&show=genre,bars,skeleton,timeline",
};

export class OverlayFrames {
  /**
   * @param {HTMLIFrameElement} over
   * @param {HTMLIFrameElement} below
   */
  constructor(over, below) {
    this.over = over;
    this.below = below;
    this.theme = "stage";
    this.visible = false;
    this.mirrored = false;
    /** @type {Record<string, string>} */
    this.genres = {};
    /** @type {Prediction | null} */
    this.prediction = null;
    this.narrow = matchMedia("(max-width: 48rem)");
    this.narrow.addEventListener("change", () => this.load());
    addEventListener("message", ({ source, origin }) => {
      const frame = [over, below].find(({ contentWindow }) => contentWindow === source);
      if (frame !== undefined && origin === location.origin) {
        this.post(frame, { type: "status", genres: this.genres, sources: {}, now: 0 });
      }
    });
  }

  /**
   * Show the overlays, empty at first, or hide them.
   *
   * @param {boolean} visible
   */
  setVisible(visible) {
    this.visible = visible;
    this.prediction = null;
    this.load();
  }

  /** @param {string} theme */
  setTheme(theme) {
    this.theme = theme;
    this.load();
  }

  load() {
    const parameters = this.narrow.matches ? NARROW : WIDE;
    this.setSource(this.over, this.visible ? parameters.over : null);
    this.setSource(this.below, this.visible ? parameters.below : null);
  }

  /**
   * @param {HTMLIFrameElement} frame
   * @param {string | null} parameters
   */
  setSource(frame, parameters) {
    frame.hidden = parameters === null;
    const source =
      parameters === null ? "about:blank" : `overlay.html?theme=${this.theme}&${parameters}`;
    if (frame.getAttribute("src") !== source) {
      frame.setAttribute("src", source);
    }
  }

  /**
   * Show the skeleton of a frame with the newest prediction.
   *
   * @param {FrameResult} result
   */
  show({ joints, prediction }) {
    this.prediction = prediction ?? this.prediction;
    if (this.prediction === null) {
      return;
    }
    const shown = joints && this.mirrored ? joints.map(([x, y, v]) => [1 - x, y, v]) : joints;
    const message = {
      ...this.prediction,
      dancers: this.prediction.dancers.map((dancer) => ({ ...dancer, joints: shown })),
      times: { ...this.prediction.times, sent: performance.now() / 1000 },
    };
    [this.over, this.below].forEach((frame) => frame.hidden || this.post(frame, message));
  }

  /**
   * @param {HTMLIFrameElement} frame
   * @param {Object} message
   */
  post(frame, message) {
    frame.contentWindow?.postMessage(message, location.origin);
  }
}
