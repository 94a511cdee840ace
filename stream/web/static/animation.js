/* Animation loop, sharp canvases and the preference for reduced motion. */

/** One loop for everything that is animated; it stops while nothing moves. */
export class AnimationLoop {
  constructor() {
    this.active = new Set();
    this.scheduled = false;
  }

  /** Call `drawing.draw(now)` in every animation frame until it returns false. */
  start(drawing) {
    this.active.add(drawing);
    this.schedule();
  }

  schedule() {
    if (!this.scheduled && this.active.size > 0) {
      this.scheduled = true;
      requestAnimationFrame((now) => this.draw(now));
    }
  }

  draw(now) {
    this.scheduled = false;
    for (const drawing of this.active) {
      if (!drawing.draw(now)) {
        this.active.delete(drawing);
      }
    }
    this.schedule();
  }
}

/** Keep the resolution of a canvas at that of the screen; call `onResize` after each change. */
export function matchScreenResolution(canvas, onResize) {
  new ResizeObserver(([{ contentRect }]) => {
    canvas.width = Math.round(contentRect.width * devicePixelRatio);
    canvas.height = Math.round(contentRect.height * devicePixelRatio);
    onResize();
  }).observe(canvas);
}

const REDUCED_MOTION = matchMedia("(prefers-reduced-motion: reduce)");

/** Return whether the viewer prefers reduced motion. */
export function prefersReducedMotion() {
  return REDUCED_MOTION.matches;
}
