"""Pages of `dancetype browser` in a real Chromium whose camera plays a video."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

from dancetype.engine.classifier import Classifier
from dancetype.engine.media.video import Video
from dancetype.engine.pose.opening import open_estimator
from dancetype.engine.recognizer import MultiDancerRecognizer, Prediction
from dancetype.stream.pose_schedule import MAX_POSE_FPS

CAMERA_FPS: Final = 30  # Chromium plays every Motion JPEG file at this rate
_WIDTH: Final = 640
# The number of a frame is drawn in its top left corner, as a row of black and white squares.
_BITS: Final = 12
_SQUARE: Final = 16

_CLASSIFY_CAMERA: Final = """async ([bits, square, fps, maxFps, count, delegate]) => {
  const { DanceClassifier } = await import(new URL("./dancetype.js", location.href).href);
  const classifier = await DanceClassifier.load({ delegate });
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
  await video.play();
  const canvas = new OffscreenCanvas(bits * square, square);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const readNumber = (image) => {
    context.drawImage(image, 0, 0);
    let number = 0;
    for (let bit = 0; bit < bits; bit += 1) {
      const [value] = context.getImageData((bit + 0.5) * square, square / 2, 1, 1).data;
      number += value > 127 ? 2 ** bit : 0;
    }
    return number;
  };
  const frames = [];
  let last = -1, due = 0, started = performance.now();
  for (;;) {
    await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    const image = await createImageBitmap(video);
    const number = readNumber(image);
    if (number < last || frames.length && number >= count) break;  // The camera has started over.
    if (number === last || number / fps < due) { image.close(); continue; }
    last = number;
    due = number / fps + 0.9 / maxFps;
    const before = performance.now();
    const result = await classifier.push(image, number / fps);
    frames.push({ number, ...result, milliseconds: performance.now() - before });
  }
  const seconds = (performance.now() - started) / 1000;
  video.srcObject.getTracks().forEach((track) => track.stop());
  classifier.close();
  return { frames, seconds, delegate: classifier.delegate };
}"""


def make_camera_clip(video: Path, target: Path, *, seconds: float = math.inf) -> int:
    """Convert the first seconds of a video to numbered Motion JPEG frames; return their number.

    Args:
        video: Video.
        target: File to write.
        seconds: Maximum duration.
    """
    count = 0
    with Video(video) as frames, target.open("wb") as file:
        for time, image in frames:
            while count / CAMERA_FPS <= min(time, seconds):
                file.write(_numbered_jpeg(image, count))
                count += 1
    return count


def _numbered_jpeg(image: NDArray[np.uint8], number: int) -> bytes:
    height = round(image.shape[0] * _WIDTH / image.shape[1] / 2) * 2
    small = cv2.resize(image, (_WIDTH, height), interpolation=cv2.INTER_AREA)
    for bit in range(_BITS):
        white = 255 * (number >> bit & 1)
        small[:_SQUARE, bit * _SQUARE : (bit + 1) * _SQUARE] = white
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


@dataclass(frozen=True, slots=True)
class CameraRun:
    """Result of a page that classified its camera.

    Attributes:
        frames: Result of each frame that the page processed.
        seconds: Duration of the run.
        delegate: Processor of the pose model.
    """

    frames: Sequence[Mapping[str, Any]]
    seconds: float
    delegate: str

    @property
    def hops(self) -> list[Mapping[str, Any]]:
        """Frames with a prediction."""
        return [frame for frame in self.frames if frame["prediction"] is not None]


def classify_camera(
    page: Page, *, frames: int, max_fps: float = MAX_POSE_FPS, delegate: str = "auto"
) -> CameraRun:
    """Classify the camera in a page, until it has played a number of frames.

    Args:
        page: Open page of `dancetype browser`, in a browser whose camera plays numbered frames.
        frames: Number of frames of the camera's clip.
        max_fps: Maximum number of poses per second.
        delegate: Processor of the pose model.
    """
    arguments = [_BITS, _SQUARE, CAMERA_FPS, max_fps, frames - 1, delegate]
    return CameraRun(**page.evaluate(_CLASSIFY_CAMERA, arguments))


def python_predictions(
    clip: Path, numbers: Sequence[int], pose_model: Path, classifier: Classifier
) -> dict[int, Prediction]:
    """Return what dancetype predicts from some frames of a camera's clip, by number of the frame.

    Args:
        clip: Motion JPEG file.
        numbers: Numbers of the frames to use, rising.
        pose_model: Pose model.
        classifier: Genre classifier.
    """
    recognizer = MultiDancerRecognizer(classifier)
    predictions = {}
    capture = cv2.VideoCapture(str(clip))
    used = set(numbers)
    with open_estimator(pose_model, runtime="litert", people=1) as estimator:
        for number in range(numbers[-1] + 1):
            _, image = capture.read()
            if number in used:
                time = number / CAMERA_FPS
                people = estimator.people(image.astype(np.uint8), time)
                prediction = recognizer.push(time, people)
                if prediction is not None:
                    predictions[number] = prediction
    capture.release()
    return predictions
