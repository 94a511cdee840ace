/* Cameras of this device, and the reasons why they cannot be used. */

import { DancetypeError } from "../dancetype.js";

const SIZE = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };

const REASONS = {
  NotAllowedError:
    "the browser does not let this page use the camera: allow it beside the address of the page, " +
    "then try again, or choose a video",
  NotFoundError: "no camera was found: connect one and try again, or choose a video",
  NotReadableError:
    "the camera cannot be read: close other programs that use it and try again, or choose a video",
  OverconstrainedError: "this camera is no longer connected: choose another one",
};

/**
 * Open a camera.
 *
 * @param {string} [deviceId] Id of the camera; without one, the browser chooses.
 * @returns {Promise<MediaStream>}
 * @throws {DancetypeError} The camera cannot be used.
 */
export async function openCamera(deviceId) {
  if (!window.isSecureContext || !navigator.mediaDevices) {
    throw new DancetypeError(
      "browsers give the camera only to pages from https:// and from localhost: open this page at " +
        `such an address instead of ${location.origin}, or choose a video`,
    );
  }
  const device = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { ...SIZE, ...device },
    });
  } catch (error) {
    const { name, message } = /** @type {Error} */ (error);
    throw new DancetypeError(REASONS[name] ?? `the camera cannot be opened: ${message || name}`);
  }
}

/**
 * Return all cameras; their names are known only while one is open.
 *
 * @returns {Promise<MediaDeviceInfo[]>}
 */
export async function listCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(({ kind }) => kind === "videoinput");
}

/**
 * Return whether a camera faces the user, whose image is then shown like in a mirror.
 *
 * @param {MediaStream} stream
 */
export function facesUser(stream) {
  return stream.getVideoTracks()[0].getSettings().facingMode !== "environment";
}
