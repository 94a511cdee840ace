from pathlib import Path

import pytest

from dancetype.engine.errors import SettingsError
from dancetype.stream.fleet.cameras import CamerasFile, cores_for, parse_cameras
from dancetype.stream.settings import load_settings

STAGE = '[cameras.stage]\nsource = "rtsp://user:secret@10.0.0.9/1"\n'


def test_a_camera_has_its_own_table_then_the_defaults_then_what_is_set_for_all() -> None:
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
    assert settings.token is None, "no camera needs to know it"


def test_a_camera_is_shown_without_its_password() -> None:
    camera = parse_cameras(STAGE, load_settings({}))["stage"]
    assert camera.shown == "rtsp://***@10.0.0.9/1"
    assert "secret" not in repr(camera)


@pytest.mark.parametrize(
    ("fps", "cores"), [(None, 1.0), (60, 1.0), (15, 0.75), (10, 0.75), (5, 0.5), (1, 0.5)]
)
def test_cores_follow_from_the_frames_that_are_posed(fps: float | None, cores: float) -> None:
    assert cores_for(fps) == cores


def test_cores_that_are_given_count_and_a_gpu_is_used_where_one_is_asked_for() -> None:
    camera = parse_cameras(f"[defaults]\ngpus = 0.25\n{STAGE}cpus = 2\n", load_settings({}))[
        "stage"
    ]
    assert (camera.cpus, camera.gpus, camera.settings.device) == (2, 0.25, "cuda")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no camera: write"),
        ("cameras = 3", "are tables"),
        ("[cameras]\nstage = 3", "cameras.stage: takes source"),
        ("[cameras.stage]\npeople = 2", "cameras.stage: takes source"),
        ("[camera.stage]", "no table 'camera'"),
        ("[cameras.stage", "not TOML"),
        (f"{STAGE}port = 3", "cameras.stage: there is no 'port'; there are source, people"),
        (f'[defaults]\nsource = "test:"\n{STAGE}', "defaults: there is no 'source'"),
        (f"{STAGE}people = 70", "cameras.stage.people: Input should be less than"),
        (f"{STAGE}gpus = 1.5", "cameras.stage.gpus: takes a share"),
        (f"{STAGE}cpus = 0", "cameras.stage.cpus: "),
        ('[cameras.a]\nsource = "http://x"', "cameras.a.source: http://x: http:// is not"),
        ('[cameras."a/b"]\nsource = "test:"', "'a/b' is not a valid name"),
        ('[cameras.a]\nsource = "rtsp://user:secret@"', "cameras.a.source: "),
    ],
)
def test_what_makes_no_sense_is_said_by_its_place_and_without_passwords(
    text: str, says: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_cameras(text, load_settings({}))
    assert says in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


class Disk:
    """A file that says what it is told to."""

    def __init__(self, text: str | None) -> None:
        self.text = text

    def read(self, path: Path) -> bytes:
        if self.text is None:
            raise FileNotFoundError(2, "No such file or directory")
        return self.text.encode()


def a_file(disk: Disk) -> CamerasFile:
    return CamerasFile(Path("cameras.toml"), load_settings({}), read=disk.read)


def test_a_file_that_stays_as_it_is_says_nothing_new() -> None:
    file = a_file(Disk(STAGE))
    assert list(file.load()) == ["stage"]
    assert [file.look() for _ in range(3)] == [None] * 3


def test_a_change_counts_once_the_editor_has_written_all_of_it() -> None:
    disk = Disk(STAGE)
    file = a_file(disk)
    file.load()
    disk.text = '[cameras.stage]\nsource = "test:"\n'
    assert file.look() is None
    disk.text += '[cameras.door]\nsource = "test:"\n'
    assert file.look() is None
    found = file.look()
    assert found is not None
    assert list(found) == ["stage", "door"]
    assert file.look() is None


@pytest.mark.parametrize("broken", ["[cameras", "", None])
def test_a_broken_change_is_told_and_forgotten_when_it_is_mended(broken: str | None) -> None:
    disk = Disk(STAGE)
    file = a_file(disk)
    file.load()
    disk.text = broken
    assert [file.look() for _ in range(3)] == [None] * 3
    assert file.error is not None
    assert file.error.startswith("cameras.toml: ")
    disk.text = STAGE
    found = [file.look() for _ in range(2)]
    assert found[-1] is not None
    assert file.error is None


def test_a_file_that_is_not_there_to_begin_with_is_an_error() -> None:
    with pytest.raises(SettingsError, match=r"cameras\.toml: cannot be read: No such file"):
        a_file(Disk(None)).load()
