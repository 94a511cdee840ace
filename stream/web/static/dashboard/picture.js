/* What the camera sees, small: its picture where /status says there is one, and the joints. */

import { ask } from "../connection.js";
import { drawFigure } from "../skeleton.js";

// At most two pictures a second of a source, and eight in all.
const ROUND_MS = 500;
const STEP_MS = 125;
/** Milliseconds for which a picture may be shown. */
const FRESH_MS = 2500;

const LOOK = { left: "#ffd166", right: "#8be0ff", middle: "#ffffff", ink: "#0b0a10" };
const OTHERS = { left: "#c9c2dc", right: "#c9c2dc", middle: "#c9c2dc", ink: "#0b0a10" };

export class Picture {
  constructor(root, name) {
    this.root = root;
    this.name = name;
    this.image = root.querySelector("img");
    this.image.alt = `${name}, live`;
    this.canvas = root.querySelector("canvas");
    this.look = null;
    this.taken = -Infinity;
    this.wanted = false;
    this.drawn = null;
  }

  show(look) {
    this.look = look;
    const image = look.message?.image;
    this.wanted = look.live && Boolean(image);
    this.root.hidden = !this.wanted;
    if (!this.wanted) {
      this.hideImage();
      return;
    }
    this.root.style.setProperty("--form", `${image.width} / ${image.height}`);
    if (performance.now() - this.taken > FRESH_MS) {
      this.hideImage();
    }
    // Keeps its place, but shows no empty ground.
    this.root.classList.toggle("empty", this.image.hidden && look.dancers.length === 0);
    // Over a picture they wait for the next one, so that both are of the same moment.
    if (this.image.hidden) {
      this.draw();
    }
  }

  /** Shows a picture (a Blob) that has just come. */
  async take(blob) {
    if (!blob || !this.wanted) {
      return;
    }
    const address = URL.createObjectURL(blob);
    const { dancers } = this.look;
    const old = this.image.src;
    this.image.src = address;
    if (old) {
      URL.revokeObjectURL(old);
    }
    this.image.hidden = false;
    this.taken = performance.now();
    this.draw(dancers);
  }

  hideImage() {
    if (this.image.hidden) {
      return;
    }
    URL.revokeObjectURL(this.image.src);
    this.image.hidden = true;
    this.image.removeAttribute("src");
  }

  draw(dancers = this.look.dancers) {
    const ratio = window.devicePixelRatio;
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(this.canvas.clientHeight * ratio);
    if (this.drawn === dancers && this.canvas.width === width && this.canvas.height === height) {
      return;
    }
    this.drawn = dancers;
    this.canvas.width = width; // Clears it, too.
    this.canvas.height = height;
    const pen = this.canvas.getContext("2d");
    const frame = { x: 0, y: 0, width, height };
    // The first one last: on top.
    [...dancers.keys()].reverse().forEach((rank) => {
      const { joints } = dancers[rank];
      if (joints) {
        drawFigure(pen, joints, frame, rank === 0 ? LOOK : OTHERS, rank === 0 ? 1 : 0.7);
      }
    });
  }
}

/** Fetches the pictures of all sources in turn, while anybody can see them. */
export class PictureRound {
  constructor() {
    this.offered = false;
    this.pictures = new Map();
    this.watch = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        this.pictures.get(target).inView = isIntersecting;
      }
    });
    this.turn();
  }

  /** Takes part in the round from now on. `picture.root` may be hidden: then it is not in view. */
  add(card) {
    this.pictures.set(card.element, { picture: card.picture, inView: false });
    this.watch.observe(card.element);
  }

  remove(card) {
    this.watch.unobserve(card.element);
    this.pictures.delete(card.element);
    card.picture.hideImage();
  }

  async turn() {
    const seen = [...this.pictures.values()].filter(
      ({ picture, inView }) => inView && picture.wanted,
    );
    const due = this.offered && !document.hidden ? seen.map(({ picture }) => picture) : [];
    for (const picture of due) {
      const response = await ask(`preview/${encodeURIComponent(picture.name)}`);
      await picture.take(response?.status === 200 ? await response.blob() : null);
      await wait(Math.max(STEP_MS, ROUND_MS / due.length));
    }
    setTimeout(() => this.turn(), due.length > 0 ? 0 : ROUND_MS);
  }
}

function wait(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
