"""OpenCV set up for reading videos; modules that read videos import `cv2` from here."""

import os

# OpenCV and FFmpeg would print errors past Python, beside our own messages about the same.
for _name, _value in {
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "4",
}.items():
    os.environ.setdefault(_name, _value)

import cv2  # noqa: E402

# Our calls take about a millisecond: a second thread would spin for longer than it helps.
cv2.setNumThreads(1)
if os.environ["OPENCV_LOG_LEVEL"] == "SILENT":
    # The variable comes too late if mediapipe has loaded OpenCV before.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

__all__ = ["cv2"]
