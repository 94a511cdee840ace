/* One loop of animation frames for all that moves, which rests while nothing does. */

export class Frames {
  constructor() {
    this.moving = new Set();
    this.asked = false;
  }

  /** Calls `part.draw(now)` in each frame, until it returns false: it has come to rest. */
  wake(part) {
    this.moving.add(part);
    this.ask();
  }

  ask() {
    if (!this.asked && this.moving.size > 0) {
      this.asked = true;
      requestAnimationFrame((now) => this.draw(now));
    }
  }

  draw(now) {
    this.asked = false;
    for (const part of this.moving) {
      if (!part.draw(now)) {
        this.moving.delete(part);
      }
    }
    this.ask();
  }
}

/** Keeps a canvas as sharp as the screen, and calls `onResize` after its size has changed. */
export function keepSharp(canvas, onResize) {
  new ResizeObserver(([{ contentRect }]) => {
    canvas.width = Math.round(contentRect.width * devicePixelRatio);
    canvas.height = Math.round(contentRect.height * devicePixelRatio);
    onResize();
  }).observe(canvas);
}

const REDUCED = matchMedia("(prefers-reduced-motion: reduce)");

/** Whether the viewer wants things to stand rather than glide. */
export function wantsStillness() {
  return REDUCED.matches;
}
