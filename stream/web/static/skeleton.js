/* Skeletons of the dancers, which move smoothly from one message to the next. */

import { prefersReducedMotion } from "./animation.js";

// A transition takes as long as the interval between messages, within these limits.
const MIN_TRANSITION_MS = 60;
const MAX_TRANSITION_MS = 600;
const FADE_MS = 250;
const MAX_FRAME_MS = 100;
// Joints below the lower visibility are guesses and not drawn; above the upper one they are opaque.
const MIN_VISIBILITY = 0.2;
const FULL_VISIBILITY = 0.6;

const LIMBS = {
  middle: [[5, 6], [11, 12], [5, 11], [6, 12]],
  left: [[5, 7], [7, 9], [11, 13], [13, 15]],
  right: [[6, 8], [8, 10], [12, 14], [14, 16]],
};

/**
 * Interpolate one coordinate with a cubic Hermite spline.
 *
 * `progress` runs from 0 to 1; both speeds are per transition. Returns [position, speed].
 */
export function interpolate(from, startSpeed, to, endSpeed, progress) {
  const a = 2 * (from - to) + startSpeed + endSpeed;
  const b = 3 * (to - from) - 2 * startSpeed - endSpeed;
  return [
    ((a * progress + b) * progress + startSpeed) * progress + from,
    (3 * a * progress + 2 * b) * progress + startSpeed,
  ];
}

/**
 * Return the transition that starts at `now` and reaches `joints` after `duration` milliseconds.
 *
 * Each joint is [x, y, visibility]. The transition continues from the current positions and speeds
 * of `previous`. If that is null, or the duration is 0, the joints are at their place immediately.
 */
export function startTransition(previous, joints, now, duration) {
  if (previous === null || duration === 0) {
    const speeds = joints.map(() => [0, 0]);
    return { from: joints, to: joints, speeds, endSpeeds: speeds, start: now, duration: 1 };
  }
  const { joints: from, speeds } = transitionAt(previous, now);
  const scale = duration / previous.duration;
  return {
    from,
    to: joints,
    speeds: speeds.map(([x, y]) => [x * scale, y * scale]),
    // Half of the speed since the last message: more would overshoot when a limb turns back.
    endSpeeds: joints.map(([x, y], i) => [
      (x - previous.to[i][0]) / 2,
      (y - previous.to[i][1]) / 2,
    ]),
    start: now,
    duration,
  };
}

/** Return the joints of a transition at `now`, their speeds, and whether it is `finished`. */
export function transitionAt(transition, now) {
  const { from, to, speeds: startSpeeds, endSpeeds, start, duration } = transition;
  const progress = Math.max((now - start) / duration, 0);
  if (progress >= 1) {
    return { joints: to, speeds: to.map(() => [0, 0]), finished: true };
  }
  const joints = [];
  const speeds = [];
  to.forEach(([toX, toY, toVisibility], i) => {
    const [fromX, fromY, fromVisibility] = from[i];
    const [x, speedX] = interpolate(fromX, startSpeeds[i][0], toX, endSpeeds[i][0], progress);
    const [y, speedY] = interpolate(fromY, startSpeeds[i][1], toY, endSpeeds[i][1], progress);
    joints.push([x, y, fromVisibility + (toVisibility - fromVisibility) * progress]);
    speeds.push([speedX, speedY]);
  });
  return { joints, speeds, finished: false };
}

/** Return the rectangle of the image, centred and as large as fits into the canvas, as in OBS. */
export function letterbox(image, canvasWidth, canvasHeight) {
  const scale = Math.min(canvasWidth / image.width, canvasHeight / image.height);
  const [width, height] = [image.width * scale, image.height * scale];
  return { x: (canvasWidth - width) / 2, y: (canvasHeight - height) / 2, width, height };
}

/** Return the rectangle of the image in which the skeletons fill the canvas, with a margin. */
export function zoomToSkeletons(skeletons, image, canvasWidth, canvasHeight) {
  const visible = skeletons.flat().filter((joint) => joint[2] > MIN_VISIBILITY);
  if (visible.length === 0) {
    return letterbox(image, canvasWidth, canvasHeight);
  }
  const xs = visible.map(([x]) => x * image.width);
  const ys = visible.map(([, y]) => y * image.height);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  // Show at least a third of the image: a single visible joint would otherwise fill the canvas.
  const width = Math.max((right - left) * 1.2, image.width / 3);
  const height = Math.max((bottom - top) * 1.25, image.height / 3);
  const scale = Math.min(canvasWidth / width, canvasHeight / height);
  return {
    x: canvasWidth / 2 - ((left + right) / 2) * scale,
    y: canvasHeight / 2 - ((top + bottom) / 2) * scale,
    width: image.width * scale,
    height: image.height * scale,
  };
}

function opacity(visibility) {
  const share = (visibility - MIN_VISIBILITY) / (FULL_VISIBILITY - MIN_VISIBILITY);
  return Math.min(Math.max(share, 0), 1);
}

/**
 * Draw one skeleton.
 *
 * `rectangle` is the place of the image on the canvas; `colours` has `left`, `right`, `middle` and
 * `outline`. The dancer's left limbs are filled and the right ones hollow, because colours alone do
 * not distinguish them for everyone.
 */
export function drawSkeleton(context, joints, rectangle, colours, alpha) {
  const points = joints.map(([x, y]) => [
    rectangle.x + x * rectangle.width,
    rectangle.y + y * rectangle.height,
  ]);
  const middle = (a, b) => [(points[a][0] + points[b][0]) / 2, (points[a][1] + points[b][1]) / 2];
  const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
  const [neck, hips, head] = [middle(5, 6), middle(11, 12), middle(3, 4)];
  const torso = distance(neck, hips);
  const smallerSide = Math.min(rectangle.width, rectangle.height);
  const thickness = Math.max(torso * 0.1, smallerSide * 0.006, 2);
  const limbAlpha = (...indices) => alpha * Math.min(...indices.map((i) => opacity(joints[i][2])));

  const drawLine = (from, to, width, colour) => {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
  };
  const drawLimbs = (side, width, colour) => {
    for (const [a, b] of LIMBS[side]) {
      context.globalAlpha = limbAlpha(a, b);
      // Round ends of translucent lines would show as darker dots where they overlap.
      context.lineCap = context.globalAlpha < 1 ? "butt" : "round";
      drawLine(points[a], points[b], width, colour);
    }
  };

  for (const side of ["middle", "right", "left"]) {
    drawLimbs(side, thickness * 1.8, colours.outline);
  }
  context.globalAlpha = limbAlpha(3, 4, 5, 6);
  drawLine(neck, head, thickness * 1.8, colours.outline);
  drawLine(neck, head, thickness, colours.middle);
  drawLimbs("middle", thickness, colours.middle);
  drawLimbs("right", thickness, colours.right);
  drawLimbs("right", thickness * 0.4, colours.outline);
  drawLimbs("left", thickness, colours.left);
  context.globalAlpha = limbAlpha(3, 4);
  context.beginPath();
  const headRadius = Math.max(torso * 0.2, distance(points[3], points[4]) * 0.62);
  context.arc(...head, headRadius, 0, 2 * Math.PI);
  context.lineWidth = thickness * 0.8;
  context.strokeStyle = colours.outline;
  context.stroke();
  context.fillStyle = colours.middle;
  context.fill();
  context.globalAlpha = 1;
}

/** Canvas with the dancers of a source, at their place in the image (`fit` "camera") or zoomed. */
export class SkeletonCanvas {
  constructor(canvas, animation, fit) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.animation = animation;
    this.fit = fit;
    this.clear();
  }

  /** Forget all dancers, so that the next ones do not move in from an old place. */
  clear() {
    this.dancers = new Map();
    this.image = null;
    this.rectangle = null;
    this.updatedAt = null;
  }

  /** Show the dancers of a message that arrived at `now`. */
  update(dancers, image, now) {
    this.image = image;
    const interval = this.updatedAt === null ? 0 : now - this.updatedAt;
    const duration = prefersReducedMotion()
      ? 0
      : Math.min(Math.max(interval, MIN_TRANSITION_MS), MAX_TRANSITION_MS);
    this.updatedAt = now;
    const presentIds = new Set();
    dancers.forEach(({ id, joints }, rank) => {
      if (joints) {
        presentIds.add(id);
        const dancer = this.dancers.get(id) ?? { transition: null, alpha: 0 };
        const transition = startTransition(dancer.transition, joints, now, duration);
        this.dancers.set(id, { ...dancer, transition, rank });
      }
    });
    for (const [id, dancer] of this.dancers) {
      dancer.present = presentIds.has(id);
    }
    this.refresh();
  }

  refresh() {
    this.animation.start(this);
  }

  draw(now) {
    const { isConnected, width, height } = this.canvas;
    if (!isConnected) {
      return false; // Outside of the document, the canvas has neither size nor colours.
    }
    const elapsed = Math.min(now - (this.drawnAt ?? now), MAX_FRAME_MS);
    this.drawnAt = now;
    this.context.clearRect(0, 0, width, height);
    if (this.image === null || width === 0 || height === 0) {
      return false;
    }
    let moving = false;
    for (const [id, dancer] of this.dancers) {
      const change = ((dancer.present ? 1 : -1) * Math.max(elapsed, 1)) / FADE_MS;
      dancer.alpha = Math.min(dancer.alpha + change, 1);
      if (dancer.alpha <= 0) {
        this.dancers.delete(id);
        continue;
      }
      const { joints, finished } = transitionAt(dancer.transition, now);
      dancer.joints = joints;
      moving = moving || !finished || dancer.alpha < 1;
    }
    // The first dancer is drawn last, on top.
    const dancers = [...this.dancers.values()].sort((a, b) => b.rank - a.rank);
    const settled = this.moveRectangle(dancers, elapsed, width, height);
    this.colours ??= this.readColours();
    for (const { joints, rank, alpha } of dancers) {
      const colours = rank === 0 ? this.colours : this.colours.others;
      drawSkeleton(this.context, joints, this.rectangle, colours, alpha);
    }
    return moving || !settled;
  }

  /** Move the image towards its target, fast when zooming out and slowly when zooming in. */
  moveRectangle(dancers, elapsed, width, height) {
    const target =
      this.fit === "camera"
        ? letterbox(this.image, width, height)
        : zoomToSkeletons(dancers.map(({ joints }) => joints), this.image, width, height);
    if (this.rectangle === null || this.fit === "camera" || prefersReducedMotion()) {
      this.rectangle = target;
      return true;
    }
    const timeConstant = target.width < this.rectangle.width ? 120 : 500;
    const share = 1 - Math.exp(-elapsed / timeConstant);
    let largestDifference = 0;
    for (const key of Object.keys(target)) {
      const difference = target[key] - this.rectangle[key];
      this.rectangle[key] += difference * share;
      largestDifference = Math.max(largestDifference, Math.abs(difference));
    }
    return largestDifference < 1;
  }

  /** Return the colours of the theme. */
  readColours() {
    const style = getComputedStyle(this.canvas);
    const colour = (name) => style.getPropertyValue(`--skeleton-${name}`).trim();
    const [left, right, middle] = [colour("left"), colour("right"), colour("middle")];
    const [outline, other] = [colour("outline"), colour("other")];
    const others = { left: other, right: other, middle: other, outline };
    return { left, right, middle, outline, others };
  }
}
