import json
import os
from pathlib import Path
from unittest.mock import patch

from hypothesis import example, given
from hypothesis import strategies as st

from dancetype.engine.errors import SettingsError
from dancetype.stream.settings import Settings, load_settings
from tests.fuzz.fuzzing import changed, damaged, fuzzed_less, only, texts, toml, values

NAMES = sorted(Settings.model_fields)
SECRET = "kept-to-ourselves"
VALID = {
    "source": {"stage": "rtsp://me:pw@camera/1", "clip": "dance.mp4"},
    "host": "0.0.0.0",
    "port": 9000,
    "token": "t" * 20,
    "allow_origin": ["http://a"],
    "mqtt": "mqtt://me:pw@host",
    "people": 2,
    "hop": 0.5,
    "variant": "lite",
    "seconds": 3.0,
}


def read(content: bytes, folder: Path) -> None:
    file = folder / "dancetype.toml"
    file.write_bytes(content)
    with only("TOML settings", SettingsError):
        load_settings({}, config=file)


@fuzzed_less
@given(
    st.binary()
    | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), values, max_size=4).map(
        lambda document: toml(document).encode()
    )
)
@example(b"\xff")
@example(b"port = " + b"9" * 5000)
@example(b"port = " + b"[" * 5000)
@example(b"source = " + b"[" * 5000)
def test_any_file_is_taken_or_refused(tmp_path: Path, content: bytes) -> None:
    read(content, tmp_path)


@fuzzed_less
@given(changed(VALID).map(lambda document: toml(document).encode()) | damaged(toml(VALID).encode()))
def test_a_changed_file_is_taken_or_refused(tmp_path: Path, content: bytes) -> None:
    read(content, tmp_path)


variables = (
    (texts | values.map(json.dumps))
    .filter(lambda text: "\0" not in text)
    .map(lambda text: text.encode(errors="replace").decode())
)


@fuzzed_less
@given(st.dictionaries(st.sampled_from(NAMES), variables, max_size=3))
@example({"source": "[" * 60_000})
@example({"allow_origin": "http://a"})
@example({"allow_origin": "[" * 60_000})
def test_any_environment_is_taken_or_refused(named: dict[str, str]) -> None:
    environment = {f"DANCETYPE_{name.upper()}": text for name, text in named.items()}
    with only("environment", SettingsError), patch.dict(os.environ, environment):
        load_settings({})


@fuzzed_less
@given(
    st.dictionaries(
        st.sampled_from(NAMES),
        texts | values | st.lists(texts | st.just("a=0"), max_size=3),
        max_size=3,
    )
)
def test_any_flags_are_taken_or_refused(flags: dict[str, object]) -> None:
    with only("flags", SettingsError):
        load_settings(flags)


@fuzzed_less
@given(st.sampled_from(["token", "mqtt"]), texts, texts, st.sampled_from([-1, "x", None]))
def test_no_refusal_tells_a_secret(name: str, before: str, after: str, port: object) -> None:
    with only("flags", SettingsError, hiding=SECRET):
        loaded = load_settings({name: f"{before}{SECRET}{after}", "port": port})
        assert SECRET not in repr(loaded)


@fuzzed_less
@given(texts)
@example("x" * 5000)
@example("~nobody-by-that-name/x.toml")
@example("a\0b")
def test_any_name_of_a_file_is_taken_or_refused(name: str) -> None:
    with only("TOML settings", SettingsError):
        load_settings({}, config=Path(f"/dev/null/{name}"))
