/* BlazePose landmarks, and their conversion to COCO's joints. */

/** Joints in COCO's order. */
export const JOINTS = [
  "nose",
  "left_eye",
  "right_eye",
  "left_ear",
  "right_ear",
  "left_shoulder",
  "right_shoulder",
  "left_elbow",
  "right_elbow",
  "left_wrist",
  "right_wrist",
  "left_hip",
  "right_hip",
  "left_knee",
  "right_knee",
  "left_ankle",
  "right_ankle",
];

/** Index of the BlazePose landmark for each joint. */
export const COCO_LANDMARKS = [0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28];

/** Upper limit of plausible coordinates, in metres or widths of the image. */
export const MAX_COORDINATE = 1e6;

// Image axes are x to the right, y down, z away from the camera; those of a pose are x to the
// right, y up, z towards the camera.
const AXIS_SIGNS = [1, -1, -1];
const MIN_SIZE = 1e-9; // prevents a division by zero

const LEFT_HIP = JOINTS.indexOf("left_hip");
const RIGHT_HIP = JOINTS.indexOf("right_hip");

/**
 * @typedef {Object} Landmark
 * @property {number} x
 * @property {number} y
 * @property {number} z
 * @property {number} visibility From 0 (guessed) to 1 (visible).
 */

/**
 * @typedef {Object} Landmarks The 33 landmarks of one person in one frame.
 * @property {Landmark[]} world In metres, hip-centred.
 * @property {Landmark[]} image In widths and heights of the image.
 * @property {number} aspect Width of the image divided by its height.
 */

/**
 * Return whether all numbers are finite and plausible.
 *
 * @param {Landmarks} landmarks
 * @returns {boolean}
 */
export function isPlausible({ world, image }) {
  return [...world, ...image].every(({ x, y, z, visibility }) =>
    // NaN compares false.
    [x, y, z, visibility].every((value) => Math.abs(value) < MAX_COORDINATE),
  );
}

/**
 * Return the pose: 17 joints in metres, at their place in the image.
 *
 * The origin is at the centre of the image, in the depth of the pelvis.
 *
 * @param {Landmarks} landmarks
 * @returns {Float64Array} (17 * 3), joint by joint; x to the right, y up, z towards the camera.
 */
export function poseOf({ world, image, aspect }) {
  const joints = pelvisCentred(jointsOf(world, ({ x, y, z }) => [x, y, z]));
  // In heights of the image, from its centre.
  const inImage = jointsOf(image, ({ x, y }) => [(x - 0.5) * aspect, y - 0.5, 0]);
  const offsets = pelvisCentred(inImage);
  let products = 0;
  let squares = 0;
  offsets.forEach((offset, index) => {
    products += offset * joints[index]; // Offsets along z are 0.
    squares += offset ** 2;
  });
  const metres = products / Math.max(squares, MIN_SIZE);
  const place = pelvis(inImage);
  return joints.map((value, index) => value + place[index % 3] * metres);
}

/**
 * @param {Landmark[]} landmarks
 * @param {(landmark: Landmark) => number[]} position Function that returns x, y and z.
 * @returns {Float64Array} (17 * 3)
 */
function jointsOf(landmarks, position) {
  const positions = COCO_LANDMARKS.flatMap((index) => position(landmarks[index]));
  return Float64Array.from(positions, (value, index) => value * AXIS_SIGNS[index % 3]);
}

/**
 * Return the pelvis, the middle of the hips.
 *
 * @param {Float64Array} pose (17 * 3)
 * @returns {number[]} x, y and z.
 */
export function pelvis(pose) {
  return [0, 1, 2].map((axis) => (pose[LEFT_HIP * 3 + axis] + pose[RIGHT_HIP * 3 + axis]) / 2);
}

/**
 * Return a copy of joints with the pelvis at the origin.
 *
 * @param {Float64Array} pose (17 * 3)
 * @returns {Float64Array} (17 * 3)
 */
export function pelvisCentred(pose) {
  const origin = pelvis(pose);
  return pose.map((value, index) => value - origin[index % 3]);
}

/**
 * Return [x, y, visibility] of COCO's joints in the image, as messages have them.
 *
 * @param {Landmarks} landmarks
 * @returns {[number, number, number][]}
 */
export function imageJoints({ world, image }) {
  return COCO_LANDMARKS.map((index) => [image[index].x, image[index].y, world[index].visibility]);
}
