/* The dancers' joints as figures that glide from one message to the next. */

import { wantsStillness } from "./frames.js";

// A hop may take any time; beyond these a figure would race or crawl.
const SHORTEST_GLIDE_MS = 60;
const LONGEST_GLIDE_MS = 600;
const FADE_MS = 250;
// Joints that pose estimation only guesses are left out, and those it is sure of drawn in full.
const GUESSED = 0.2;
const SURE = 0.6;

const LIMBS = {
  middle: [[5, 6], [11, 12], [5, 11], [6, 12]],
  left: [[5, 7], [7, 9], [11, 13], [13, 15]],
  right: [[6, 8], [8, 10], [12, 14], [14, 16]],
};

/**
 * One joint's way from where it was, going on at the speed it had, to where it is seen next.
 *
 * `part` of the way, from 0 to 1; both speeds per way. Returns [position, speed].
 */
export function along(from, speed, to, lastSpeed, part) {
  const a = 2 * (from - to) + speed + lastSpeed;
  const b = 3 * (to - from) - 2 * speed - lastSpeed;
  return [((a * part + b) * part + speed) * part + from, (3 * a * part + 2 * b) * part + speed];
}

/** Begins the way to `joints`, of [x, y, visibility] each, in `duration` ms from `now` on. */
export function depart(way, joints, now, duration) {
  if (way === null || duration === 0) {
    const speeds = joints.map(() => [0, 0]);
    return { from: joints, to: joints, speeds, last: speeds, start: now, duration: 1 };
  }
  const { joints: from, speeds } = travel(way, now);
  const perWay = duration / way.duration;
  return {
    from,
    to: joints,
    speeds: speeds.map(([x, y]) => [x * perWay, y * perWay]),
    // Half of the speed since the last message: more would overshoot where a limb turns back.
    last: joints.map(([x, y], i) => [(x - way.to[i][0]) / 2, (y - way.to[i][1]) / 2]),
    start: now,
    duration,
  };
}

/** Where the joints of a way are at `now`, how fast, and whether they are there. */
export function travel(way, now) {
  const part = (now - way.start) / way.duration;
  if (part >= 1) {
    return { joints: way.to, speeds: way.to.map(() => [0, 0]), arrived: true };
  }
  const at = Math.max(part, 0);
  const joints = [];
  const speeds = [];
  way.to.forEach((to, i) => {
    const [x, speedX] = along(way.from[i][0], way.speeds[i][0], to[0], way.last[i][0], at);
    const [y, speedY] = along(way.from[i][1], way.speeds[i][1], to[1], way.last[i][1], at);
    joints.push([x, y, way.from[i][2] + (to[2] - way.from[i][2]) * at]);
    speeds.push([speedX, speedY]);
  });
  return { joints, speeds, arrived: false };
}

/** The image {x, y, width, height} in a canvas as wide or as high as it can be, like OBS fits it. */
export function letterbox(image, width, height) {
  const scale = Math.min(width / image.width, height / image.height);
  const [across, down] = [image.width * scale, image.height * scale];
  return { x: (width - across) / 2, y: (height - down) / 2, width: across, height: down };
}

/** Where to lay the image so that the figures fill the canvas, with some air around them. */
export function closeUp(figures, image, width, height) {
  const seen = figures.flat().filter((joint) => joint[2] > GUESSED);
  if (seen.length === 0) {
    return letterbox(image, width, height);
  }
  const xs = seen.map(([x]) => x * image.width);
  const ys = seen.map(([, y]) => y * image.height);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  // Never closer than a third of the image: one joint that is seen would fill the screen.
  const across = Math.max((right - left) * 1.2, image.width / 3);
  const down = Math.max((bottom - top) * 1.25, image.height / 3);
  const scale = Math.min(width / across, height / down);
  return {
    x: width / 2 - ((left + right) / 2) * scale,
    y: height / 2 - ((top + bottom) / 2) * scale,
    width: image.width * scale,
    height: image.height * scale,
  };
}

function opacity(visibility) {
  return Math.min(Math.max((visibility - GUESSED) / (SURE - GUESSED), 0), 1);
}

/**
 * Draws one figure; `frame` is where the image lies on the canvas, `look` has the colours `left`,
 * `right`, `middle` and `ink`.
 *
 * Left limbs (the dancer's) are full, right ones hollow: colours alone would not tell them apart.
 */
export function drawFigure(context, joints, frame, look, alpha) {
  const points = joints.map(([x, y]) => [frame.x + x * frame.width, frame.y + y * frame.height]);
  const middle = (a, b) => [(points[a][0] + points[b][0]) / 2, (points[a][1] + points[b][1]) / 2];
  const [neck, hips] = [middle(5, 6), middle(11, 12)];
  const torso = Math.hypot(neck[0] - hips[0], neck[1] - hips[1]);
  const thick = Math.max(torso * 0.1, Math.min(frame.width, frame.height) * 0.006, 2);
  const visible = (...some) => alpha * Math.min(...some.map((i) => opacity(joints[i][2])));

  const line = (from, to, width, colour) => {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
  };
  const limbs = (side, width, colour) => {
    for (const [a, b] of LIMBS[side]) {
      context.globalAlpha = visible(a, b);
      // Where two that shine through overlap there would be a blot.
      context.lineCap = context.globalAlpha < 1 ? "butt" : "round";
      line(points[a], points[b], width, colour);
    }
  };
  const ears = middle(3, 4);
  const apart = Math.hypot(points[3][0] - points[4][0], points[3][1] - points[4][1]);

  for (const side of ["middle", "right", "left"]) {
    limbs(side, thick * 1.8, look.ink);
  }
  context.globalAlpha = visible(3, 4, 5, 6);
  line(neck, ears, thick * 1.8, look.ink);
  line(neck, ears, thick, look.middle);
  limbs("middle", thick, look.middle);
  limbs("right", thick, look.right);
  limbs("right", thick * 0.4, look.ink);
  limbs("left", thick, look.left);
  context.globalAlpha = visible(3, 4);
  context.beginPath();
  context.arc(...ears, Math.max(torso * 0.2, apart * 0.62), 0, 2 * Math.PI);
  context.lineWidth = thick * 0.8;
  context.strokeStyle = look.ink;
  context.stroke();
  context.fillStyle = look.middle;
  context.fill();
  context.globalAlpha = 1;
}

/** Draws the dancers of one source, in the image's own place (`fit` "camera") or close up. */
export class Skeleton {
  constructor(canvas, frames, fit) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.frames = frames;
    this.fit = fit;
    this.clear();
  }

  /** Forgets everybody: what comes next does not glide from where somebody was long ago. */
  clear() {
    this.figures = new Map();
    this.image = null;
    this.frame = null;
    this.told = null;
  }

  /** Takes over a message's dancers, told at `now`. */
  show(dancers, image, now) {
    this.image = image;
    const hop = this.told === null ? 0 : now - this.told;
    const glide = Math.min(Math.max(hop, SHORTEST_GLIDE_MS), LONGEST_GLIDE_MS);
    this.told = now;
    const seen = new Set();
    dancers.forEach(({ id, joints }, rank) => {
      if (joints) {
        seen.add(id);
        const figure = this.figures.get(id) ?? { way: null, alpha: 0 };
        const way = depart(figure.way, joints, now, wantsStillness() ? 0 : glide);
        this.figures.set(id, { ...figure, way, rank, seen: true });
      }
    });
    for (const [id, figure] of this.figures) {
      figure.seen = seen.has(id);
    }
    this.refresh();
  }

  refresh() {
    this.frames.wake(this);
  }

  draw(now) {
    const { isConnected, width, height } = this.canvas;
    if (!isConnected) {
      return false; // Outside of the document it has neither size nor colours.
    }
    const passed = Math.min(now - (this.drawn ?? now), 100);
    this.drawn = now;
    this.context.clearRect(0, 0, width, height);
    if (this.image === null || width === 0 || height === 0) {
      return false;
    }
    let moving = false;
    for (const [id, figure] of this.figures) {
      const change = ((figure.seen ? 1 : -1) * Math.max(passed, 1)) / FADE_MS;
      figure.alpha = Math.min(figure.alpha + change, 1);
      if (figure.alpha <= 0) {
        this.figures.delete(id);
        continue;
      }
      const { joints, arrived } = travel(figure.way, now);
      figure.joints = joints;
      moving = moving || !arrived || figure.alpha < 1;
    }
    const figures = [...this.figures.values()].sort((a, b) => b.rank - a.rank);
    const settled = this.aim(figures, passed, width, height);
    this.colours ??= this.look();
    for (const { joints, rank, alpha } of figures) {
      const own = rank === 0 ? this.colours : this.colours.others;
      drawFigure(this.context, joints, this.frame, own, alpha);
    }
    return moving || !settled;
  }

  /** Moves the frame towards where it should be; quickly outwards, slowly inwards. */
  aim(figures, passed, width, height) {
    const goal =
      this.fit === "camera"
        ? letterbox(this.image, width, height)
        : closeUp(figures.map((figure) => figure.joints), this.image, width, height);
    if (this.frame === null || this.fit === "camera" || wantsStillness()) {
      this.frame = goal;
      return true;
    }
    const pace = goal.width < this.frame.width ? 120 : 500;
    const part = 1 - Math.exp(-passed / pace);
    let rest = 0;
    for (const side of Object.keys(goal)) {
      const way = goal[side] - this.frame[side];
      this.frame[side] += way * part;
      rest = Math.max(rest, Math.abs(way));
    }
    return rest < 1;
  }

  /** The colours of the page's theme. */
  look() {
    const style = getComputedStyle(this.canvas);
    const colour = (name) => style.getPropertyValue(`--skeleton-${name}`).trim();
    const [left, right, middle] = [colour("left"), colour("right"), colour("middle")];
    const [ink, other] = [colour("ink"), colour("other")];
    return { left, right, middle, ink, others: { left: other, right: other, middle: other, ink } };
  }
}
