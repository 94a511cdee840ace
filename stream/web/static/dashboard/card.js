/* Card of one source on the dashboard. */

import {
  cloneTemplate,
  createElement,
  setText,
  setTextOrHide,
  unbreakableWords,
} from "../elements.js";
import { percent } from "../feed.js";
import { genreHue, genreName } from "../genres.js";
import { UNKNOWN_VALUE, duration, genreOrStatus } from "./format.js";
import { HistoryList, Timeline } from "./history.js";
import { MetricsPanel } from "./metrics.js";
import { Preview } from "./preview.js";

export class Card {
  /** `number` is unique on the page; `onOverlay()` is called when the overlay button is pressed. */
  constructor(name, number, onOverlay) {
    this.element = cloneTemplate("source");
    this.element.id = `source-${number}`;
    const heading = this.find("source-name");
    heading.id = `source-name-${number}`;
    heading.textContent = name;
    heading.title = name;
    this.element.setAttribute("aria-labelledby", heading.id);
    this.find("overlay-button").addEventListener("click", onOverlay);
    this.bars = new Map();
    this.preview = new Preview(this.find("preview"), name);
    this.metrics = new MetricsPanel(this.element);
    this.timeline = new Timeline(this.find("timeline"));
    this.list = new HistoryList(this.find("history"));
    this.detailsToggled = false;
    this.find("details-summary").addEventListener("click", () => (this.detailsToggled = true));
  }

  find(className) {
    return this.element.querySelector(`.${className}`);
  }

  /** Open or close the details, unless the user has done so. */
  setDetailsOpen(open) {
    if (!this.detailsToggled) {
      this.find("details").open = open;
    }
  }

  /** Add a bar for each genre that has none yet. */
  addBars(codes) {
    for (const code of codes) {
      if (!this.bars.has(code)) {
        const bar = cloneTemplate("genre");
        this.find("genres").append(bar);
        this.bars.set(code, bar);
      }
    }
  }

  /** Show the result of `Source.view`. */
  show(view) {
    const { classList, dataset } = this.element;
    classList.toggle("live", view.live);
    classList.toggle("has-genre", view.genre !== null);
    classList.toggle("needs-attention", view.problems.length > 0);
    classList.toggle("faulty", view.faulty);
    dataset.state = view.state;
    if (view.likeliest !== null) {
      this.element.style.setProperty("--hue", genreHue(view.likeliest));
    }
    this.showState(view);
    this.showHeadline(view.headline);
    setTextOrHide(this.find("detail"), view.detail);
    setText(this.find("confidence-value"), view.confidence);
    this.find("confidence").hidden = view.confidence === "";
    this.showDancers(view.dancers);
    this.showBars(view.probabilities, view.likeliest);
    this.preview.show(view);
    this.metrics.show(view);
    this.timeline.show(view.history, view.now);
    if (this.find("details").open) {
      this.list.show(view.history, view.now);
    }
  }

  showState({ state, since, now, brokerConnected }) {
    setText(this.find("state-text"), state);
    setText(this.find("since"), since === null ? "" : `for ${duration(now - since)}`);
    const broker = this.find("broker");
    setText(broker, brokerConnected ? "MQTT connected" : "MQTT not connected");
    broker.parentElement.hidden = brokerConnected === null;
    broker.classList.toggle("broken", brokerConnected === false);
  }

  showHeadline(text) {
    const headline = this.find("headline");
    if (headline.textContent !== text) {
      headline.replaceChildren(...unbreakableWords(text));
    }
  }

  /** List the dancers if there are several. */
  showDancers(dancers) {
    const list = this.find("dancers");
    const listed = dancers.length > 1 ? dancers : [];
    list.hidden = listed.length === 0;
    while (list.children.length > listed.length) {
      list.lastElementChild.remove();
    }
    listed.forEach((dancer, i) => {
      const item = list.children[i] ?? list.appendChild(createElement("li", "dancer"));
      const confidence = dancer.status === "genre" ? ` ${percent(dancer.confidence)}` : "";
      setText(item, `${dancer.id}: ${genreOrStatus(dancer)}${confidence}`);
    });
  }

  showBars(probabilities, likeliest) {
    this.addBars(Object.keys(probabilities));
    for (const [code, bar] of this.bars) {
      const probability = probabilities[code];
      bar.classList.toggle("likeliest", code === likeliest);
      setText(bar.querySelector(".genre-name"), genreName(code));
      bar.querySelector(".fill").style.setProperty("--probability", probability ?? 0);
      const text = probability === undefined ? UNKNOWN_VALUE : percent(probability);
      setText(bar.querySelector(".percent"), text);
    }
  }
}
