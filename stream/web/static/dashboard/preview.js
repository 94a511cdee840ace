/* Preview of a source: the camera image, if the server provides images, and the skeletons. */

import { request } from "../connection.js";
import { drawSkeleton } from "../skeleton.js";

// At most two images per second of each source, and eight in total.
const ROUND_MS = 500;
const MIN_INTERVAL_MS = 125;
/** Milliseconds after which an image is too old to be shown. */
const MAX_IMAGE_AGE_MS = 2500;

const COLOURS = { left: "#ffd166", right: "#8be0ff", middle: "#ffffff", outline: "#0b0a10" };
const OTHER_DANCERS_COLOURS = {
  left: "#c9c2dc",
  right: "#c9c2dc",
  middle: "#c9c2dc",
  outline: "#0b0a10",
};

export class Preview {
  constructor(root, name) {
    this.root = root;
    this.name = name;
    this.image = root.querySelector("img");
    this.image.alt = `Live image of ${name}`;
    this.canvas = root.querySelector("canvas");
    this.dancers = [];
    this.drawnDancers = null;
    this.imageTime = -Infinity;
    this.active = false;
  }

  show({ live, image: imageSize, dancers }) {
    this.dancers = dancers;
    this.active = live && Boolean(imageSize);
    this.root.hidden = !this.active;
    if (!this.active) {
      this.hideImage();
      return;
    }
    this.root.style.setProperty("--aspect-ratio", `${imageSize.width} / ${imageSize.height}`);
    if (performance.now() - this.imageTime > MAX_IMAGE_AGE_MS) {
      this.hideImage();
    }
    // An empty preview keeps its place but is invisible.
    this.root.classList.toggle("empty", this.image.hidden && dancers.length === 0);
    // With an image, the skeletons are drawn when the next image arrives, so that they match.
    if (this.image.hidden) {
      this.drawSkeletons(dancers);
    }
  }

  /** Show an image (a Blob) that has just arrived; null if there is none. */
  showImage(blob) {
    if (!blob || !this.active) {
      return;
    }
    const oldUrl = this.image.src;
    this.image.src = URL.createObjectURL(blob);
    if (oldUrl) {
      URL.revokeObjectURL(oldUrl);
    }
    this.image.hidden = false;
    this.imageTime = performance.now();
    this.drawSkeletons(this.dancers);
  }

  hideImage() {
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

/** Loader that requests the images of all visible sources in turn. */
export class PreviewLoader {
  constructor() {
    /** Whether the server provides images. */
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
    card.preview.hideImage();
  }

  async loadRound() {
    const visible = [...this.entries.values()]
      .filter(({ preview, inView }) => inView && preview.active)
      .map(({ preview }) => preview);
    const previews = this.available && !document.hidden ? visible : [];
    for (const preview of previews) {
      const response = await request(`preview/${encodeURIComponent(preview.name)}`);
      preview.showImage(response?.status === 200 ? await response.blob() : null);
      await sleep(Math.max(MIN_INTERVAL_MS, ROUND_MS / previews.length));
    }
    setTimeout(() => this.loadRound(), previews.length > 0 ? 0 : ROUND_MS);
  }
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
