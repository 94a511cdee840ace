/* Preview of a source: the camera picture, if the server provides pictures, and the skeletons. */

import { request } from "../connection.js";
import { drawSkeleton } from "../skeleton.js";

// At most two pictures per second of each source, and eight in total.
const ROUND_MS = 500;
const SHORTEST_INTERVAL_MS = 125;
/** Milliseconds after which a picture is too old to be shown. */
const MAX_PICTURE_AGE_MS = 2500;

const COLOURS = { left: "#ffd166", right: "#8be0ff", middle: "#ffffff", ink: "#0b0a10" };
const OTHER_DANCERS_COLOURS = {
  left: "#c9c2dc",
  right: "#c9c2dc",
  middle: "#c9c2dc",
  ink: "#0b0a10",
};

export class Preview {
  constructor(root, name) {
    this.root = root;
    this.name = name;
    this.image = root.querySelector("img");
    this.image.alt = `Live picture of ${name}`;
    this.canvas = root.querySelector("canvas");
    this.dancers = [];
    this.drawnDancers = null;
    this.pictureTime = -Infinity;
    this.active = false;
  }

  show({ live, image, dancers }) {
    this.dancers = dancers;
    this.active = live && Boolean(image);
    this.root.hidden = !this.active;
    if (!this.active) {
      this.hidePicture();
      return;
    }
    this.root.style.setProperty("--aspect-ratio", `${image.width} / ${image.height}`);
    if (performance.now() - this.pictureTime > MAX_PICTURE_AGE_MS) {
      this.hidePicture();
    }
    // An empty preview keeps its place but is invisible.
    this.root.classList.toggle("empty", this.image.hidden && dancers.length === 0);
    // With a picture, the skeletons are drawn when the next picture arrives, so that they match.
    if (this.image.hidden) {
      this.drawSkeletons(dancers);
    }
  }

  /** Show a picture (a Blob) that has just arrived; null if there is none. */
  showPicture(blob) {
    if (!blob || !this.active) {
      return;
    }
    const oldUrl = this.image.src;
    this.image.src = URL.createObjectURL(blob);
    if (oldUrl) {
      URL.revokeObjectURL(oldUrl);
    }
    this.image.hidden = false;
    this.pictureTime = performance.now();
    this.drawSkeletons(this.dancers);
  }

  hidePicture() {
    if (this.image.hidden) {
      return;
    }
    URL.revokeObjectURL(this.image.src);
    this.image.hidden = true;
    this.image.removeAttribute("src");
  }

  drawSkeletons(dancers) {
    const { canvas } = this;
    const width = Math.round(canvas.clientWidth * devicePixelRatio);
    const height = Math.round(canvas.clientHeight * devicePixelRatio);
    if (this.drawnDancers === dancers && canvas.width === width && canvas.height === height) {
      return;
    }
    this.drawnDancers = dancers;
    canvas.width = width; // This also clears the canvas.
    canvas.height = height;
    const context = canvas.getContext("2d");
    const rectangle = { x: 0, y: 0, width, height };
    // The first dancer is drawn last, on top.
    for (const [rank, { joints }] of [...dancers.entries()].reverse()) {
      if (joints) {
        const colours = rank === 0 ? COLOURS : OTHER_DANCERS_COLOURS;
        drawSkeleton(context, joints, rectangle, colours, rank === 0 ? 1 : 0.7);
      }
    }
  }
}

/** Loads the pictures of all visible sources in turn. */
export class PreviewLoader {
  constructor() {
    /** Whether the server provides pictures. */
    this.available = false;
    this.entries = new Map();
    this.observer = new IntersectionObserver((changes) => {
      for (const { target, isIntersecting } of changes) {
        this.entries.get(target).inView = isIntersecting;
      }
    });
    this.loadRound();
  }

  /** Add the preview of a card. The card is observed, since the preview itself may be hidden. */
  add(card) {
    this.entries.set(card.element, { preview: card.preview, inView: false });
    this.observer.observe(card.element);
  }

  remove(card) {
    this.observer.unobserve(card.element);
    this.entries.delete(card.element);
    card.preview.hidePicture();
  }

  async loadRound() {
    const visible = [...this.entries.values()]
      .filter(({ preview, inView }) => inView && preview.active)
      .map(({ preview }) => preview);
    const previews = this.available && !document.hidden ? visible : [];
    for (const preview of previews) {
      const response = await request(`preview/${encodeURIComponent(preview.name)}`);
      preview.showPicture(response?.status === 200 ? await response.blob() : null);
      await sleep(Math.max(SHORTEST_INTERVAL_MS, ROUND_MS / previews.length));
    }
    setTimeout(() => this.loadRound(), previews.length > 0 ? 0 : ROUND_MS);
  }
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
