/* Panel of one source in the overlay. */

import { matchScreenResolution } from "../animation.js";
import { cloneTemplate, setData, setText, unbreakableWords } from "../elements.js";
import { likeliestGenre, percent, statusText } from "../feed.js";
import { genreColour, genreName } from "../genres.js";
import { SkeletonCanvas } from "../skeleton.js";
import { reductionFor } from "./options.js";
import { Timeline } from "./timeline.js";

// Longer names are shown in smaller letters.
const MAX_LARGE_LENGTH = 9;

export class Panel {
  constructor(source, options, animation) {
    this.options = options;
    this.element = cloneTemplate("panel");
    this.find("source-name").textContent = source;
    this.find("result").hidden = !options.parts.has("genre");
    this.find("bars").hidden = !options.parts.has("bars");
    this.bars = new Map();
    this.skeleton = this.createDrawing(
      "skeleton",
      (canvas) => new SkeletonCanvas(canvas, animation, options.fit),
    );
    this.timeline = this.createDrawing("timeline", (canvas) => new Timeline(canvas, animation));
    this.status = null;
    this.statusSince = 0;
    this.live = false;
  }

  find(className) {
    return this.element.querySelector(`.${className}`);
  }

  /** Create the drawing of a part; null if the options leave the part out. */
  createDrawing(part, create) {
    const box = this.find(`${part}-box`);
    box.hidden = !this.options.parts.has(part);
    if (box.hidden) {
      return null;
    }
    const canvas = this.find(part);
    const drawing = create(canvas);
    matchScreenResolution(canvas, () => drawing.refresh());
    return drawing;
  }

  /** Show a live prediction that arrived at `now`. */
  update(prediction, now) {
    if (prediction.status !== this.status) {
      this.status = prediction.status;
      this.statusSince = now;
      setData(this.element, "status", prediction.status);
    }
    this.timeline?.addChange(now, prediction.status, prediction.genre);
    this.showGenre(prediction);
    if (this.options.parts.has("bars")) {
      const { probabilities } = prediction;
      this.showBars(probabilities, prediction.genre ?? likeliestGenre(probabilities));
    }
    if (!this.live) {
      this.skeleton?.clear();
    }
    this.skeleton?.update(prediction.dancers ?? [], prediction.image, now);
  }

  /** Update the visibility: the panel fades out unless the source is live. */
  setLive(live, selected, now) {
    if (live) {
      const reduction = reductionFor(this.options, this.status, now - this.statusSince);
      setData(this.element, "reduction", reduction);
    } else if (this.live) {
      this.timeline?.addChange(now, "silent", null);
    }
    this.live = live;
    setData(this.element, "state", live ? "live" : "stale");
    this.timeline?.setLive(live && selected);
  }

  showGenre(prediction) {
    const { status, genre, name, confidence } = prediction;
    const text = status === "genre" ? (name ?? genre) : (statusText(prediction) ?? "");
    setText(this.find("confidence-value"), status === "genre" ? percent(confidence) : "");
    const element = this.find("genre-word");
    if (element.textContent === text) {
      return; // Screen readers would repeat it.
    }
    element.replaceChildren(...unbreakableWords(text));
    element.classList.toggle("long", text.length > MAX_LARGE_LENGTH);
    setText(this.find("pill"), text);
    if (genre === null) {
      this.element.style.removeProperty("--accent");
    } else {
      this.element.style.setProperty("--accent", genreColour(genre));
    }
    // Switching between two identical animations restarts the animation.
    setData(element, "turn", element.dataset.turn === "a" ? "b" : "a");
  }

  showBars(probabilities, likeliest) {
    const list = this.find("bars");
    for (const [code, probability] of Object.entries(probabilities)) {
      let bar = this.bars.get(code);
      if (bar === undefined) {
        bar = cloneTemplate("bar");
        bar.style.setProperty("--colour", genreColour(code));
        list.append(bar);
        this.bars.set(code, bar);
        list.style.setProperty("--rows", Math.ceil(this.bars.size / 2));
      }
      bar.classList.toggle("likeliest", code === likeliest);
      setText(bar.querySelector(".genre-name"), genreName(code));
      setText(bar.querySelector(".percent"), percent(probability));
      bar.querySelector(".fill").style.transform = `scaleX(${probability})`;
    }
  }
}
