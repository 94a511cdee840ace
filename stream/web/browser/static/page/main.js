/* Page: classifies the dance in a webcam or a chosen video, and shows the overlay over it. */

import { DanceClassifier, DancetypeError } from "../dancetype.js";
import { setText } from "../elements.js";
import { facesUser, listCameras, openCamera } from "./camera.js";
import { OverlayFrames } from "./overlay_frames.js";

/** @import { FrameResult } from "../dancetype.js" */

const FACTS_INTERVAL_MS = 500;

/** @param {string} id */
const find = (id) => /** @type {any} */ (document.getElementById(id));

const video = /** @type {HTMLVideoElement} */ (find("video"));
const stage = find("stage");
const frames = new OverlayFrames(find("over"), find("below"));

/** @type {Promise<DanceClassifier> | null} */
let loading = null;
/** @type {DanceClassifier | null} */
let classifier = null;
let stopWatching = () => {};
/** Number of the current start, so that an earlier one that is still loading is given up. */
let run = 0;
let factsShownAt = 0;

/** Load the models once; a failure may be tried again. */
function load() {
  loading ??= DanceClassifier.load({ onProgress: showProgress }).catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

/** @param {string} step */
function showProgress(step) {
  setText(find("loading"), `${step} …`);
}

/**
 * Classify a camera or a file.
 *
 * @param {() => Promise<void>} open Function that gives the video its source.
 */
async function start(open) {
  stop();
  const current = run;
  setState("loading", "loading");
  showProgress("loading");
  try {
    const loaded = load();
    loaded.catch(() => {}); // Awaited below.
    await open();
    await playVideo();
    classifier = await loaded;
    if (current !== run) {
      return;
    }
    if (classifier.counts.posed > 0) {
      await classifier.reset();
    }
  } catch (error) {
    if (current === run) {
      fail(/** @type {Error} */ (error));
    }
    return;
  }
  if (current !== run) {
    return;
  }
  frames.genres = classifier.contract.genres;
  setState("running", video.srcObject ? "camera on" : "playing");
  stopWatching = classifier.watch(video, onFrame, (error) => {
    // The worker may have ended, so that the next start needs a new one.
    classifier?.close();
    loading = null;
    fail(error);
  });
}

/** Play the video, and wait for its size. */
async function playVideo() {
  const name = video.dataset.name;
  await new Promise((resolve, reject) => {
    video.onloadeddata = resolve;
    video.onerror = () =>
      reject(
        new DancetypeError(
          `${name}: this browser cannot play the file; convert it to MP4 with H.264, or choose ` +
            "another one",
        ),
      );
    video.play().catch(() => {}); // Reported by `onerror`.
  });
  if (video.videoWidth === 0) {
    throw new DancetypeError(`${name}: the file has no picture; choose a video`);
  }
  stage.style.setProperty("--aspect-ratio", `${video.videoWidth} / ${video.videoHeight}`);
}

/** Stop the camera or the file. */
function stop() {
  run += 1;
  stopWatching();
  const stream = /** @type {MediaStream | null} */ (video.srcObject);
  stream?.getTracks().forEach((track) => track.stop());
  video.onloadeddata = null;
  video.onerror = null;
  video.srcObject = null;
  URL.revokeObjectURL(video.src);
  video.removeAttribute("src");
  setText(find("failure"), "");
  setState("ready", "ready");
}

/** @param {Error} error */
function fail(error) {
  stop();
  setState("ready", "stopped");
  find("state").classList.add("broken");
  const text = error instanceof DancetypeError ? error.message : `unexpected error: ${error}`;
  setText(find("failure"), text.charAt(0).toUpperCase() + text.slice(1).replace(/\.*$/, "."));
}

/**
 * @param {"ready" | "loading" | "running"} state
 * @param {string} text
 */
function setState(state, text) {
  document.body.dataset.state = state;
  document.body.dataset.connection = state === "running" ? "connected" : "";
  setText(find("state"), text);
  find("state").classList.remove("broken");
  stage.classList.toggle("running", state === "running");
  find("start").hidden = state !== "ready";
  find("loading").hidden = state !== "loading";
  find("controls").hidden = state === "ready";
  find("facts").hidden = true;
  frames.setVisible(state === "running");
}

/** @param {string} [deviceId] */
async function useCamera(deviceId) {
  await start(async () => {
    const current = run;
    const stream = await openCamera(deviceId);
    if (current !== run) {
      stream.getTracks().forEach((track) => track.stop());
      throw new DancetypeError("stopped");
    }
    const [track] = stream.getVideoTracks();
    track.addEventListener("ended", () =>
      fail(new DancetypeError("the camera was disconnected: connect it and try again")),
    );
    video.dataset.name = track.label;
    video.srcObject = stream;
    find("mirror").checked = facesUser(stream);
    find("mirror").parentElement.hidden = false;
    showMirror();
    await showCameras(track.getSettings().deviceId);
  });
}

/** @param {File} file */
async function useFile(file) {
  await start(async () => {
    video.dataset.name = file.name;
    video.src = URL.createObjectURL(file);
    video.loop = true;
    find("mirror").checked = false;
    find("mirror").parentElement.hidden = true;
    find("camera-choice").hidden = true;
    showMirror();
  });
}

/**
 * List the cameras if there are several.
 *
 * @param {string | undefined} selected Id of the open one.
 */
async function showCameras(selected) {
  const cameras = await listCameras();
  find("camera-choice").hidden = cameras.length < 2;
  find("camera").replaceChildren(
    ...cameras.map(({ deviceId, label }, i) => {
      const chosen = deviceId === selected;
      return new Option(label || `camera ${i + 1}`, deviceId, chosen, chosen);
    }),
  );
}

function showMirror() {
  frames.mirrored = find("mirror").checked;
  stage.classList.toggle("mirrored", frames.mirrored);
}

/** @param {FrameResult} result */
function onFrame(result) {
  frames.show(result);
  const now = performance.now();
  if (result.prediction && now - factsShownAt > FACTS_INTERVAL_MS) {
    factsShownAt = now;
    const { latency, fps } = result.prediction;
    const milliseconds = (/** @type {number} */ seconds) => `${(seconds * 1000).toFixed(0)} ms`;
    setText(find("fps"), fps.toFixed(1));
    setText(find("pose"), `${milliseconds(latency.pose)} (${classifier.delegate})`);
    setText(find("classify"), milliseconds(latency.classify));
    find("facts").hidden = false;
  }
}

find("unsupported").hidden = true;
find("use-camera").addEventListener("click", () => useCamera());
find("choose-file").addEventListener("click", () => find("file").click());
find("file").addEventListener("change", () => {
  const [file] = find("file").files;
  find("file").value = ""; // The same file may be chosen again.
  if (file) {
    useFile(file);
  }
});
find("stop").addEventListener("click", stop);
find("camera").addEventListener("change", () => useCamera(find("camera").value));
find("theme").addEventListener("change", () => frames.setTheme(find("theme").value));
find("mirror").addEventListener("change", showMirror);

stage.addEventListener("dragover", (/** @type {DragEvent} */ event) => {
  event.preventDefault();
  stage.classList.add("dropping");
});
stage.addEventListener("dragleave", () => stage.classList.remove("dropping"));
stage.addEventListener("drop", (/** @type {DragEvent} */ event) => {
  event.preventDefault();
  stage.classList.remove("dropping");
  const file = event.dataTransfer?.files[0];
  if (file) {
    useFile(file);
  }
});
