from pathlib import Path

import pytest

from dancetype.engine.errors import SettingsError
from dancetype.engine.media.transform import Transform
from dancetype.stream.fleet.cameras import CamerasFile, cores_for, parse_cameras
from dancetype.stream.settings import load_settings

STAGE = '[cameras.stage]\nsource = "rtsp://user:secret@10.0.0.9/1"\n'


def test_camera_table_overrides_defaults_which_override_base_settings() -> None:
    base = load_settings(
        {
            "mqtt": "mqtt://broker",
            "people": 3,
            "hop": 0.5,
            "stall": 9,
            "mqtt_client_id": "east",
            "token": "x" * 16,
        }
    )
    text = f"[defaults]\nhop = 1.0\npose_fps = 10\n{STAGE}pose_fps = 5\n"
    settings = parse_cameras(text, base)["stage"].settings
    assert (settings.pose_fps, settings.hop, settings.people, settings.stall) == (5, 1.0, 3, 9)
    assert (settings.mqtt, settings.mqtt_client_id) == ("mqtt://broker", "east")
    assert settings.token is None, "cameras do not need the token"


def test_image_of_a_camera_can_be_turned_in_its_table_the_defaults_or_by_flags() -> None:
    flags = {"crop": ["side=1,2,3,4"], "flip": ["false", "side=true"], "rotate": ["270"]}
    text = '[defaults]\nflip = "vertical"\n' + STAGE + 'rotate = 90\n[cameras.side]\nsource = "0"\n'
    cameras = parse_cameras(text, load_settings(flags))
    transforms = {name: camera.settings.transform(name) for name, camera in cameras.items()}
    assert transforms["stage"] == Transform(90, "vertical")
    assert transforms["side"] == Transform(270, "vertical", (1, 2, 3, 4))
    base = load_settings(flags)
    assert parse_cameras(STAGE, base)["stage"].settings.transform("stage") == Transform(270)


def test_text_of_a_camera_contains_no_password() -> None:
    camera = parse_cameras(STAGE, load_settings({}))["stage"]
    assert camera.source_text == "rtsp://***@10.0.0.9/1"
    assert "secret" not in repr(camera)


@pytest.mark.parametrize(
    ("fps", "cores"), [(None, 1.0), (60, 1.0), (15, 0.75), (10, 0.75), (5, 0.5), (1, 0.5)]
)
def test_default_cores_depend_on_the_pose_frame_rate(fps: float | None, cores: float) -> None:
    assert cores_for(fps) == cores


@pytest.mark.parametrize(
    ("keys", "cores"), [("", 0.75), ("every_frame = true\n", 1.0), ("pose_fps = 5\n", 0.5)]
)
def test_cores_are_reserved_for_15_poses_per_second_by_default(keys: str, cores: float) -> None:
    assert parse_cameras(STAGE + keys, load_settings({}))["stage"].cpus == cores


def test_configured_cores_are_used_and_gpus_select_cuda() -> None:
    camera = parse_cameras(f"[defaults]\ngpus = 0.25\n{STAGE}cpus = 2\n", load_settings({}))[
        "stage"
    ]
    assert (camera.cpus, camera.gpus, camera.settings.device) == (2, 0.25, "cuda")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no cameras: write"),
        ("cameras = 3", "must be tables"),
        ("[cameras]\nstage = 3", "cameras.stage: must be a table with source"),
        ("[cameras.stage]\npeople = 2", "cameras.stage: must be a table with source"),
        ("[camera.stage]", "unknown table 'camera'"),
        ("[cameras.stage", "not TOML"),
        (f"{STAGE}port = 3", "cameras.stage: unknown key 'port': use source, people"),
        (f'[defaults]\nsource = "test:"\n{STAGE}', "defaults: unknown key 'source'"),
        (f"{STAGE}people = 70", "cameras.stage.people: Input should be less than"),
        (f"{STAGE}gpus = 1.5", "cameras.stage.gpus: must be a share"),
        (f"{STAGE}cpus = 0", "cameras.stage.cpus: "),
        (
            '[cameras.a]\nsource = "ftp://x"',
            "cameras.a.source: the URI of 'a': ftp://x: ",
        ),
        ('[cameras."a\\tb"]\nsource = "test:"', r"name 'a\tb' contains a character"),
        ('[cameras.a]\nsource = "rtsp://user:secret@"', "cameras.a.source: "),
    ],
)
def test_error_names_the_invalid_key_and_contains_no_password(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_cameras(text, load_settings({}))
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


class FakeDisk:
    """A disk with one file, whose text the test sets; None for no file."""

    def __init__(self, text: str | None, encoding: str = "utf-8") -> None:
        self.text = text
        self._encoding = encoding

    def read(self, path: Path) -> bytes:
        if self.text is None:
            raise FileNotFoundError(2, "No such file or directory")
        return self.text.encode(self._encoding)


def cameras_file(disk: FakeDisk) -> CamerasFile:
    return CamerasFile(Path("cameras.toml"), load_settings({}), read=disk.read)


def test_unchanged_file_returns_no_cameras() -> None:
    file = cameras_file(FakeDisk(STAGE))
    assert list(file.load()) == ["stage"]
    assert [file.reload() for _ in range(3)] == [None] * 3


def test_change_takes_effect_once_the_file_is_completely_written() -> None:
    disk = FakeDisk(STAGE)
    file = cameras_file(disk)
    file.load()
    disk.text = '[cameras.stage]\nsource = "test:"\n'
    assert file.reload() is None
    disk.text += '[cameras.door]\nsource = "test:"\n'
    assert file.reload() is None
    cameras = file.reload()
    assert cameras is not None
    assert list(cameras) == ["stage", "door"]
    assert file.reload() is None


@pytest.mark.parametrize("invalid_text", ["[cameras", "", None])
def test_error_of_an_invalid_change_is_cleared_once_the_file_is_valid(
    invalid_text: str | None,
) -> None:
    disk = FakeDisk(STAGE)
    file = cameras_file(disk)
    file.load()
    disk.text = invalid_text
    assert [file.reload() for _ in range(3)] == [None] * 3
    assert file.error is not None
    assert file.error.startswith("cameras.toml: ")
    disk.text = STAGE
    results = [file.reload() for _ in range(2)]
    assert results[-1] is not None
    assert file.error is None


def test_missing_file_is_an_error_at_the_start() -> None:
    with pytest.raises(SettingsError, match=r"cameras\.toml: cannot be read: No such file"):
        cameras_file(FakeDisk(None)).load()


def test_cameras_file_with_byte_order_mark_is_accepted_and_utf16_is_refused() -> None:
    assert list(cameras_file(FakeDisk(STAGE, "utf-8-sig")).load()) == ["stage"]
    with pytest.raises(SettingsError, match=r"cameras\.toml: .*UTF-16: save the file as UTF-8"):
        cameras_file(FakeDisk(STAGE, "utf-16")).load()
