"""A plain loop with the same libraries, for comparison with `dancetype run`.

It reads a video or a camera with OpenCV, estimates the pose with MediaPipe, classifies the last
four seconds with the network of the recipe `live` four times a second, and sends the results over a
socket as lines of JSON. The network is untrained and its windows have no trajectory, which hardly
affects its speed.

Usage: python -m benchmarks.performance.plain_loop SOURCE POSE_MODEL --port PORT [--seconds 10]
"""

import argparse
import json
import socket
import time
from collections import deque
from dataclasses import replace
from typing import Any, Final

import cv2
import mediapipe as mp
import numpy as np
import torch

from dancetype.engine.genres import GENRES
from dancetype.training.model import GenreLSTM
from dancetype.training.recipe import load_recipe

WINDOW_SECONDS: Final = 4.0
MIN_SECONDS: Final = 1.0
STEPS: Final = 60
HOP: Final = 0.25
# Indices of the COCO joints among MediaPipe's landmarks.
COCO: Final = [0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
HIPS: Final = [11, 12]

Poses = deque[tuple[float, np.ndarray[Any, np.dtype[np.float32]]]]


def open_landmarker(model: str) -> Any:
    vision = mp.tasks.vision
    return vision.PoseLandmarker.create_from_options(
        vision.PoseLandmarkerOptions(
            base_options=mp.tasks.BaseOptions(model_asset_path=model),
            running_mode=vision.RunningMode.VIDEO,
        )
    )


def open_network() -> GenreLSTM:
    # Faster for a network this small than the default of one thread per core.
    torch.set_num_threads(1)
    recipe = load_recipe("live")
    window = replace(recipe.window.spec(), trajectory=False)
    return GenreLSTM(recipe.network, window=window, genres=len(GENRES)).eval()


def create_window(poses: Poses) -> torch.Tensor:
    """Return a window (1, L, F) of hip-centred positions and velocities, resampled by time."""
    times = np.array([time for time, _ in poses])
    joints = np.stack([pose for _, pose in poses])[..., :2]
    joints = joints - joints[:, HIPS].mean(axis=1, keepdims=True)
    steps = np.linspace(times[0], times[-1], STEPS)
    columns = joints.reshape(len(joints), -1).T
    positions = np.stack([np.interp(steps, times, column) for column in columns], axis=1)
    positions = positions.reshape(STEPS, len(COCO), 2)
    positions /= np.median(np.linalg.norm(positions, axis=-1).max(axis=-1))
    velocities = np.gradient(positions, steps[1] - steps[0], axis=0)
    features = np.concatenate([positions, velocities], axis=-1).reshape(1, STEPS, -1)
    return torch.from_numpy(features.astype(np.float32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("pose_model")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=10.0)
    args = parser.parse_args()
    receiver = socket.create_connection(("127.0.0.1", args.port))
    network = open_network()
    poses: Poses = deque()
    genres = list(GENRES)
    with open_landmarker(args.pose_model) as landmarker:
        video = cv2.VideoCapture(args.source)
        is_file = "://" not in args.source
        start = time.time()
        frames, due = 0, start
        while time.time() < start + args.seconds:
            success, image = video.read()
            if not success:
                break
            captured = time.time()
            if is_file:
                captured = start + video.get(cv2.CAP_PROP_POS_MSEC) / 1000
                time.sleep(max(captured - time.time(), 0))
            pose_start = time.time()
            rgb = mp.Image(mp.ImageFormat.SRGB, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            result = landmarker.detect_for_video(rgb, int((captured - start) * 1000) + 1)
            pose_seconds = time.time() - pose_start
            frames += 1
            if result.pose_world_landmarks:
                world = result.pose_world_landmarks[0]
                pose = np.array([(mark.x, -mark.y, -mark.z) for mark in world], np.float32)[COCO]
                poses.append((captured, pose))
            while poses and poses[0][0] < captured - WINDOW_SECONDS:
                poses.popleft()
            if captured < due:
                continue
            due = max(due, captured - HOP) + HOP
            message: dict[str, Any] = {
                "captured": captured,
                "pose": pose_seconds,
                "frames": frames,
            }
            if len(poses) > 1 and poses[-1][0] - poses[0][0] >= MIN_SECONDS - 0.05:
                with torch.inference_mode():
                    # The last probability is that the person does not dance.
                    outputs = torch.softmax(network(create_window(poses)), dim=-1)[0]
                probabilities = outputs[: len(genres)]
                message["genre"] = genres[int(probabilities.argmax())]
                message["probabilities"] = dict(zip(genres, probabilities.tolist(), strict=True))
                marks = result.pose_landmarks[0] if result.pose_landmarks else []
                message["joints"] = [(marks[i].x, marks[i].y) for i in COCO] if marks else None
            receiver.sendall(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()
