import json
import os
from pathlib import Path
from unittest.mock import patch

from hypothesis import example, given
from hypothesis import strategies as st

from dancetype.engine.errors import SettingsError
from dancetype.stream.settings import Settings, load_settings
from tests.fuzz.fuzzing import (
    changed_documents,
    check_parser,
    damaged_bytes,
    slow_fuzz_test,
    texts,
    toml,
    values,
)

NAMES = sorted(Settings.model_fields)
SECRET = "5ecret"
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


def load(content: bytes, folder: Path) -> None:
    file = folder / "dancetype.toml"
    file.write_bytes(content)
    with check_parser("TOML settings", SettingsError):
        load_settings({}, config=file)


@slow_fuzz_test
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
def test_any_settings_file_is_loaded_or_rejected(tmp_path: Path, content: bytes) -> None:
    load(content, tmp_path)


@slow_fuzz_test
@given(
    changed_documents(VALID).map(lambda document: toml(document).encode())
    | damaged_bytes(toml(VALID).encode())
)
def test_changed_settings_file_is_loaded_or_rejected(tmp_path: Path, content: bytes) -> None:
    load(content, tmp_path)


variables = (
    (texts | values.map(json.dumps))
    .filter(lambda text: "\0" not in text)
    .map(lambda text: text.encode(errors="replace").decode())
)


@slow_fuzz_test
@given(st.dictionaries(st.sampled_from(NAMES), variables, max_size=3))
@example({"source": "[" * 60_000})
@example({"allow_origin": "http://a"})
@example({"allow_origin": "[" * 60_000})
def test_any_environment_is_loaded_or_rejected(settings: dict[str, str]) -> None:
    environment = {f"DANCETYPE_{name.upper()}": text for name, text in settings.items()}
    with check_parser("environment", SettingsError), patch.dict(os.environ, environment):
        load_settings({})


@slow_fuzz_test
@given(
    st.dictionaries(
        st.sampled_from(NAMES),
        texts | values | st.lists(texts | st.just("a=0"), max_size=3),
        max_size=3,
    )
)
def test_any_flags_are_loaded_or_rejected(flags: dict[str, object]) -> None:
    with check_parser("flags", SettingsError):
        load_settings(flags)


@slow_fuzz_test
@given(st.sampled_from(["token", "mqtt"]), texts, texts, st.sampled_from([-1, "x", None]))
def test_errors_never_show_secrets(name: str, before: str, after: str, port: object) -> None:
    with check_parser("flags", SettingsError, secret=SECRET):
        loaded = load_settings({name: f"{before}{SECRET}{after}", "port": port})
        assert SECRET not in repr(loaded)


@slow_fuzz_test
@given(texts)
@example("x" * 5000)
@example("~no-such-user/x.toml")
@example("a\0b")
def test_any_settings_file_name_is_loaded_or_rejected(name: str) -> None:
    with check_parser("TOML settings", SettingsError):
        load_settings({}, config=Path(f"/dev/null/{name}"))
