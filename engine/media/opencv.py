"""OpenCV, configured for reading videos; modules that read videos import `cv2` from here."""

import os

# OpenCV and FFmpeg would print errors from native code, in addition to dancetype's messages.
for _name, _value in {
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "4",
}.items():
    os.environ.setdefault(_name, _value)

import cv2  # noqa: E402

# Calls take about a millisecond, so the spinning of a second thread would cost more than it saves.
cv2.setNumThreads(1)
if os.environ["OPENCV_LOG_LEVEL"] == "SILENT":
    # The variable has no effect if mediapipe has already loaded OpenCV.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

__all__ = ["cv2"]
