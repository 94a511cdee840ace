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
 * Return the pose: 17 joints in metres, with the middle of the hips at the origin.
 *
 * @param {Landmark[]} world
 * @returns {Float64Array} (17 * 3), joint by joint; x to the right, y up, z towards the camera.
 */
export function poseOf(world) {
  const pose = new Float64Array(JOINTS.length * 3);
  COCO_LANDMARKS.forEach((index, joint) => {
    const { x, y, z } = world[index];
    [x, y, z].forEach((value, axis) => (pose[joint * 3 + axis] = value * AXIS_SIGNS[axis]));
  });
  return pelvisCentred(pose);
}

/**
 * Return a copy of joints with the middle of the hips at the origin.
 *
 * @param {Float64Array} pose (17 * 3)
 * @returns {Float64Array} (17 * 3)
 */
export function pelvisCentred(pose) {
  return pose.map((value, index) => {
    const axis = index % 3;
    return value - (pose[LEFT_HIP * 3 + axis] + pose[RIGHT_HIP * 3 + axis]) / 2;
  });
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
