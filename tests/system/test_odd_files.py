import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import Fault
from dancetype.engine.genres import CODES
from dancetype.engine.landmarks import LANDMARKS, Landmarks
from dancetype.engine.pose.opening import open_estimator
from dancetype.engine.recognizer import MultiDancerRecognizer
from dancetype.stream.messages import (
    Message,
    PredictionMessage,
    SourceMessage,
    SourceState,
    parse_message,
)
from dancetype.stream.sources.pattern import draw_figure
from tests.system.conftest import Figure

Image = NDArray[np.uint8]

FRAMES: Final = 30
SIZE: Final = (320, 240)
EIGHT_K: Final = (7680, 4320)
MEBIBYTE: Final = 2**20

# Presentation times of the frames of three files, in milliseconds.
VARYING: Final = tuple(np.cumsum([0, *(10, 70) * 14, 5]).tolist())
REPEATED: Final = tuple(40 * (index // 3) for index in range(FRAMES))
REVERSED: Final = tuple(40 * (FRAMES - 1 - index) for index in range(FRAMES))

BROKEN: Final = {
    "empty.mp4": "the file is empty",
    "noise.mp4": "no video that can be read",
    "cut.mp4": "no video that can be read",
    "zero.mp4": "no video that can be read",
    "sound.mp4": "sound only",
    "sound.mkv": "sound only",
    "index.mp4": "no frame in it can be decoded",
    "folder.mp4": "no video in this folder",
    "gone.mp4": "no such file",
    "x" * 300 + ".mp4": "File name too long",
}
"""Expected reason by file name."""


def frames_of_figure(frames: int, fps: float, size: tuple[int, int] = SIZE) -> list[Image]:
    return [cv2.resize(draw_figure(n / fps), size).astype(np.uint8) for n in range(frames)]


def write(path: Path, images: Sequence[Image], *, fps: int = 25, pixels: str = "yuv420p") -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1" if pixels != "yuv420p" else "mpeg4", rate=fps)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixels
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())


def write_with_times(path: Path, images: Sequence[Image], times: Iterable[int]) -> None:
    """Write a Matroska file with arbitrary frame times, which libraries refuse to write."""
    packets = []
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        # One key frame makes one cluster, and block times are relative to its time.
        stream.codec_context.gop_size = len(images)
        for image in images:
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")):
                packets.append(bytes(packet))
                container.mux(packet)
    content = bytearray(path.read_bytes())
    start = 0
    for block, time in zip(packets, times, strict=True):
        # A block has 16 bits of time and 8 bits of flags before its content.
        start = content.index(block, start)
        content[start - 3 : start - 1] = time.to_bytes(2, "big", signed=True)
        start += len(block)
    path.write_bytes(content)


def write_sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_all(folder: Path) -> list[Path]:
    """Write unusual files, with a good file among them and one at the end."""
    images = frames_of_figure(FRAMES, 25)
    write(folder / "good.mp4", images)
    write(folder / "good.mkv", images)
    content = (folder / "good.mp4").read_bytes()
    (folder / "empty.mp4").touch()
    (folder / "noise.mp4").write_bytes(random.Random(0).randbytes(5000))
    (folder / "cut.mp4").write_bytes(content[: len(content) // 2])
    # The table points to offsets that contain no frames.
    table = content.index(b"stco") + 12
    (folder / "index.mp4").write_bytes(content[:table] + b"\x7f\xff\xff\xff" + content[table + 4 :])
    matroska = (folder / "good.mkv").read_bytes()
    (folder / "cut.mkv").write_bytes(matroska[: len(matroska) // 2])
    with av.open(str(folder / "zero.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        container.start_encoding()
    for name in ("sound.mp4", "sound.mkv"):
        write_sound(folder / name)
    (folder / "folder.mp4").mkdir()
    write_with_times(folder / "varying.mkv", images, VARYING)
    write_with_times(folder / "repeated.mkv", images, REPEATED)
    write_with_times(folder / "reversed.mkv", images, REVERSED)
    write(folder / "grey.mkv", images[:3], pixels="gray")
    write(folder / "one.mp4", [np.zeros((1, 1, 3), np.uint8)] * 3)
    write(folder / "fast.mp4", frames_of_figure(48, 240), fps=240)
    write(folder / "8k.mp4", frames_of_figure(2, 25, EIGHT_K))
    for name in ("not-\udcff.mp4", "[red]new\nline.mp4", "last.mp4"):
        (folder / name).write_bytes(content)
    first = ["good.mp4", *BROKEN]
    others = sorted({path.name for path in folder.iterdir()} - {*first, "last.mp4"})
    return [folder / name for name in (*first, *others, "last.mp4")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("odd")


@pytest.fixture(scope="module")
def results(folder: Path, pose_model: Path) -> dict[str, dict[str, Any]]:
    """Results of `dancetype classify` by file name, from one call for all files."""
    files = write_all(folder)
    command = [sys.executable, "-m", "dancetype", "classify", *map(str, files), "--json"]
    run = subprocess.run(
        command,
        capture_output=True,
        timeout=300,
        # In the POSIX locale of a container, Python would let any bytes through.
        env={**os.environ, "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-8:strict"},
    )
    assert run.stderr == b""
    assert run.returncode == 1
    lines = [json.loads(line) for line in run.stdout.decode().splitlines()]
    assert [result["file"] for result in lines] == list(map(str, files))
    return {Path(result["file"]).name: result for result in lines}


@pytest.mark.parametrize(("name", "reason"), BROKEN.items(), ids=lambda text: ascii(text)[:20])
def test_broken_file_gets_a_reason_and_no_genre(
    results: dict[str, dict[str, Any]], name: str, reason: str
) -> None:
    assert reason in results[name]["error"]
    assert set(results[name]) == {"file", "error"}


@pytest.mark.parametrize("name", ["good.mp4", "good.mkv", "last.mp4", "[red]new\nline.mp4"])
def test_good_file_among_broken_ones_is_classified(
    results: dict[str, dict[str, Any]], name: str
) -> None:
    result = results[name]
    assert (result["frames"], result["seconds"]) == (FRAMES, FRAMES / 25)
    assert result["poses"] > FRAMES - 5
    assert result["genre"] in CODES
    assert result["probabilities"] == results["good.mp4"]["probabilities"] or name == "good.mkv"


def test_readable_start_of_a_truncated_file_is_used(results: dict[str, dict[str, Any]]) -> None:
    assert 5 < results["cut.mkv"]["frames"] < FRAMES
    assert results["cut.mkv"]["poses"] > 0


def test_variable_frame_rate_uses_frame_times(results: dict[str, dict[str, Any]]) -> None:
    result = results["varying.mkv"]
    assert result["frames"] == FRAMES
    assert result["seconds"] == pytest.approx(VARYING[-1] / 1000 * FRAMES / (FRAMES - 1), abs=0.002)
    assert result["genre"] in CODES


@pytest.mark.parametrize("name", ["repeated.mkv", "reversed.mkv"])
def test_frames_without_increasing_times_use_the_nominal_rate(
    results: dict[str, dict[str, Any]], name: str
) -> None:
    assert results[name]["frames"] == FRAMES
    assert results[name]["seconds"] == pytest.approx(FRAMES / 25, abs=0.002)
    assert results[name]["genre"] in CODES


def test_grey_frames_are_read(results: dict[str, dict[str, Any]]) -> None:
    assert (results["grey.mkv"]["frames"], results["grey.mkv"]["poses"]) == (3, 3)


def test_no_pose_in_frames_of_one_pixel(results: dict[str, dict[str, Any]]) -> None:
    assert (results["one.mp4"]["frames"], results["one.mp4"]["poses"]) == (3, 0)
    assert "no person was visible" in results["one.mp4"]["reason"]


def test_file_with_240_frames_per_second_keeps_its_duration(
    results: dict[str, dict[str, Any]],
) -> None:
    assert results["fast.mp4"]["seconds"] == pytest.approx(0.2, abs=0.001)
    assert results["fast.mp4"]["poses"] > 40
    assert "poses in 48 frames, for at most 0.20 s without" in results["fast.mp4"]["reason"]


def test_8k_file_is_analysed(results: dict[str, dict[str, Any]]) -> None:
    assert (results["8k.mp4"]["frames"], results["8k.mp4"]["genre"]) == (2, None)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 1)])
def test_no_pose_in_tiny_frames(pose_model: Path, shape: tuple[int, int]) -> None:
    with open_estimator(pose_model) as estimator:
        assert estimator.people(np.zeros((*shape, 3), np.uint8), 0.0) == []


def test_pose_estimation_of_an_8k_frame_needs_little_memory(
    pose_model: Path, figure: Figure
) -> None:
    """The estimator runs in a separate process, so that the peak excludes other tests."""
    program = f"""
import sys
from pathlib import Path
import cv2, numpy as np
from dancetype.engine.pose.opening import open_estimator
from dancetype.stream.sources.pattern import draw_figure
image = np.zeros(({EIGHT_K[1]}, {EIGHT_K[0]}, 3), np.uint8)
image[:, 960:6720] = cv2.resize(draw_figure(0.2), (5760, 4320))
with open_estimator(Path(sys.argv[1])) as estimator:
    people = [len(estimator.people(image, n / 25)) for n in range(5)]
status = Path("/proc/self/status").read_text().split()
print(min(people), status[status.index("VmHWM:") + 1])
"""
    run = subprocess.run(
        [sys.executable, "-c", program, str(pose_model)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    people, peak = map(int, run.stdout.split())
    assert people == 1
    assert peak * 1024 < 600 * MEBIBYTE
    figure("odd files and frames", f"7680x4320 through pose: peak {peak // 1024} MiB")


@pytest.mark.parametrize(
    "time",
    [
        lambda n: n / 240,
        lambda n: n / 5000,
        lambda n: 7.0,
        lambda n: 100 - n / 25,
    ],
    ids=["240 per second", "5000 per second", "constant", "decreasing"],
)
def test_person_is_tracked_whatever_the_frame_times(
    pose_model: Path, time: Callable[[int], float]
) -> None:
    with open_estimator(pose_model) as estimator:
        detected = [estimator.people(draw_figure(n / 240), time(n)) for n in range(12)]
    assert [len(people) for people in detected] == [1] * 12


@pytest.mark.parametrize("people", [1, 2])
def test_window_ends_increase_whatever_the_frame_times(people: int) -> None:
    generator = np.random.default_rng(0)
    shape = generator.normal(0, 0.5, (LANDMARKS, 3)).astype(np.float32)
    recognizer = MultiDancerRecognizer(Classifier(device="cpu"), people=people)
    regular = np.arange(0, 3, 1 / 30)
    irregular = generator.permutation(np.repeat([*regular, -5.0], 2))
    window_ends = []
    for time in [*regular, *irregular, *(3 + regular)]:
        noisy = shape + generator.normal(0, 0.02, shape.shape).astype(np.float32)
        detected = [Landmarks(noisy, noisy, np.ones(LANDMARKS, np.float32))]
        if (prediction := recognizer.push(float(time), detected)) is not None:
            window_ends.append(prediction.window_end)
            assert np.isfinite(prediction.estimate.probabilities).all()
    assert all(earlier < later for earlier, later in pairwise(window_ends))
    assert len(window_ends) == pytest.approx(6 / 0.25, abs=2)


def run_sources(run: Sequence[str], out: Path, **environment: str) -> tuple[int, list[Message]]:
    command = [sys.executable, "-m", "dancetype", "run", "--no-serve", "--jsonl", str(out), *run]
    process = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )
    assert "Traceback" not in process.stderr
    return process.returncode, [parse_message(line) for line in out.read_text().splitlines()]


def test_broken_sources_fail_without_affecting_a_good_one(
    results: dict[str, dict[str, Any]], folder: Path, tmp_path: Path
) -> None:
    broken = ["sound.mkv", "index.mp4", "gone.mp4"]
    names = {f"broken-{number}": name for number, name in enumerate(broken)} | {"good": "last.mp4"}
    sources = [f"--source={name}={folder / file}" for name, file in names.items()]
    code, messages = run_sources(sources, tmp_path / "out.jsonl")
    last = {message.source: message for message in messages}
    assert code == 1
    for name, fault in zip(names, [Fault.CODEC, Fault.CODEC, Fault.NOT_FOUND], strict=False):
        message = last[name]
        assert isinstance(message, SourceMessage)
        assert (message.state, message.fault) == (SourceState.FAILED, fault)
    good = last["good"]
    assert isinstance(good, SourceMessage)
    assert good.state is SourceState.ENDED
    predictions = [message for message in messages if isinstance(message, PredictionMessage)]
    assert {message.source for message in predictions} == {"good"}
    assert predictions[-1].window > 0.9


def test_most_of_240_live_frames_per_second_are_dropped_and_times_increase(
    pose_model: Path, tmp_path: Path, figure: Figure
) -> None:
    source = "test:?fps=240&seconds=3"
    arguments = [f"--source={source}", "--every-frame"]
    code, messages = run_sources(arguments, tmp_path / "out.jsonl")
    predictions = [message for message in messages if isinstance(message, PredictionMessage)]
    assert code == 0
    assert len(predictions) > 5
    frames = predictions[-1].frames
    # The last frame may still be in the slot.
    assert frames.captured - frames.posed - frames.dropped in (0, 1)
    assert frames.dropped > 0
    captured = [message.times.capture for message in predictions]
    assert all(earlier < later for earlier, later in pairwise(captured))
    figure(
        "odd files and frames",
        f"240 frames a second live: {frames.captured} frames, pose estimation on the newest "
        f"{frames.posed}",
    )


def test_wall_clock_jumps_do_not_affect_message_times(pose_model: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        """
import itertools, time
wall, jumps = time.time, itertools.count(1)
time.time = lambda: wall() + 3600 * (-1) ** next(jumps)
"""
    )
    source = "test:?fps=20&seconds=2"
    code, messages = run_sources(
        [f"--source={source}"],
        tmp_path / "out.jsonl",
        PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]),
    )
    assert code == 0
    sent = [message.times.sent for message in messages]
    assert sent == sorted(sent)
    assert sent[-1] - sent[0] < 60
    predictions = [message for message in messages if isinstance(message, PredictionMessage)]
    assert predictions
    for message in predictions:
        assert message.times.capture <= message.times.pose <= message.times.sent
