/* One source on the page. */

import { clone, element, setText, setTextOrHide, unbroken } from "../elements.js";
import { Figures } from "./figures.js";
import { HistoryList, Timeline } from "./history.js";
import { Picture } from "./picture.js";
import { duration, said } from "./words.js";
import { percent } from "../feed.js";
import { genreHue, genreName } from "../genres.js";

export class Card {
  /**
   * `number` tells it from the others on the page; `onOverlay()` is called when somebody wants the
   * source's overlay.
   */
  constructor(name, number, onOverlay) {
    this.element = clone("source");
    this.element.id = `source-${number}`;
    const heading = this.part("source-name");
    heading.id = `source-name-${number}`;
    heading.textContent = name;
    heading.title = name;
    this.element.setAttribute("aria-labelledby", heading.id);
    this.part("overlay-button").addEventListener("click", onOverlay);
    this.bars = new Map();
    this.picture = new Picture(this.part("picture"), name);
    this.figures = new Figures(this.element);
    this.timeline = new Timeline(this.part("timeline"));
    this.list = new HistoryList(this.part("history"));
    this.touched = false;
    this.part("more-summary").addEventListener("click", () => (this.touched = true));
  }

  part(name) {
    return this.element.querySelector(`.${name}`);
  }

  /** Opens or closes what is not always shown, unless somebody did so by hand. */
  unfold(open) {
    if (!this.touched) {
      this.part("more").open = open;
    }
  }

  /** Has a bar for each genre of `codes`, in this order. */
  know(codes) {
    for (const code of codes) {
      if (!this.bars.has(code)) {
        const bar = clone("genre");
        this.part("genres").append(bar);
        this.bars.set(code, bar);
      }
    }
  }

  /** Shows what `Source.look` says. */
  show(look) {
    const { classList, dataset } = this.element;
    classList.toggle("live", look.live);
    classList.toggle("named", look.genre !== null);
    classList.toggle("troubled", look.troubles.length > 0);
    classList.toggle("faulty", look.faulty);
    dataset.state = look.state;
    if (look.likeliest !== null) {
      this.element.style.setProperty("--hue", genreHue(look.likeliest));
    }
    this.showState(look);
    this.showHeadline(look.headline);
    setTextOrHide(this.part("detail"), look.detail);
    setText(this.part("confidence-value"), look.confidence);
    this.part("confidence").hidden = look.confidence === "";
    this.showDancers(look.dancers);
    this.showBars(look.probabilities, look.likeliest);
    this.picture.show(look);
    this.figures.show(look);
    this.timeline.show(look.history, look.now);
    if (this.part("more").open) {
      this.list.show(look.history, look.now);
    }
  }

  showState({ state, since, now, broker }) {
    setText(this.part("state-word"), state);
    setText(this.part("since"), since === null ? "" : `for ${duration(now - since)}`);
    const link = this.part("broker");
    const words = { true: "MQTT connected", false: "MQTT not connected" };
    setText(link, words[broker] ?? "");
    link.parentElement.hidden = broker === null;
    link.classList.toggle("broken", broker === false);
  }

  showHeadline(text) {
    const headline = this.part("headline");
    if (headline.textContent === text) {
      return;
    }
    headline.replaceChildren(...unbroken(text));
  }

  showDancers(dancers) {
    const list = this.part("dancers");
    const shown = dancers.length > 1 ? dancers : [];
    list.hidden = shown.length === 0;
    while (list.children.length > shown.length) {
      list.lastElementChild.remove();
    }
    shown.forEach((dancer, i) => {
      const row = list.children[i] ?? list.appendChild(element("li", "dancer"));
      const sure = dancer.status === "genre" ? ` ${percent(dancer.confidence)}` : "";
      setText(row, `${dancer.id}: ${said(dancer)}${sure}`);
    });
  }

  showBars(probabilities, likeliest) {
    this.know(Object.keys(probabilities));
    for (const [code, bar] of this.bars) {
      const probability = probabilities[code];
      bar.classList.toggle("likeliest", code === likeliest);
      setText(bar.querySelector(".genre-name"), genreName(code));
      bar.querySelector(".fill").style.setProperty("--probability", probability ?? 0);
      const words = probability === undefined ? "–" : percent(probability);
      setText(bar.querySelector(".percent"), words);
    }
  }
}
