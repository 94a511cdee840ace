from pathlib import Path

import pytest

from dancetype.engine.errors import SettingsError
from dancetype.engine.media.transform import Transform
from dancetype.stream.settings import load_settings
from dancetype.stream.sources.uri import SourceKind, SourceUri


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "dancetype.toml"


def test_settings_have_defaults() -> None:
    settings = load_settings({})
    assert (settings.host, settings.port, settings.hop) == ("127.0.0.1", 8765, 0.25)
    assert settings.serve
    assert settings.source == {}


def test_flags_override_the_environment_which_overrides_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text('host = "file"\nport = 1\nhop = 1.0\n')
    monkeypatch.setenv("DANCETYPE_PORT", "2")
    monkeypatch.setenv("DANCETYPE_HOP", "2.0")
    settings = load_settings({"hop": 3.0}, config=config)
    assert (settings.host, settings.port, settings.hop) == ("file", 2, 3.0)


def test_secrets_are_read_from_credentials_of_the_service_manager(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text('token = "token-of-the-file"\nmqtt = "mqtt://file"\n[source]\na = "1"\n')
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert str(load_settings({}, config=config).token) == "**********"
    for name, text in (
        ("dancetype_token", "token-of-a-credential\n"),
        ("dancetype_mqtt", "mqtt://user:password@credential\n"),
        ("dancetype_source", "cam=0"),
        # Only settings that may contain a secret are read.
        ("dancetype_port", "1"),
        ("dancetype_tls_key", "-----BEGIN PRIVATE KEY-----"),
        ("tls.key", "-----BEGIN PRIVATE KEY-----"),
    ):
        (tmp_path / name).write_text(text)
    settings = load_settings({}, config=config)
    assert settings.token
    assert settings.token.get_secret_value() == "token-of-a-credential"
    assert settings.mqtt == "mqtt://user:password@credential"
    assert settings.source == {"cam": CAM}
    assert (settings.port, settings.tls_key) == (8765, None)
    monkeypatch.setenv("DANCETYPE_MQTT", "mqtt://environment")
    settings = load_settings({"token": "token-of-a-flag"}, config=config)
    assert settings.token
    assert (settings.token.get_secret_value(), settings.mqtt) == (
        "token-of-a-flag",
        "mqtt://environment",
    )


def test_unreadable_credential_is_an_error_without_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    file = tmp_path / "dancetype_token"
    file.mkdir()
    with pytest.raises(SettingsError, match=r"dancetype_token: cannot be read: .*Is a directory"):
        load_settings({})
    file.rmdir()
    file.write_bytes(b"secret\xff")
    with pytest.raises(SettingsError, match=r"dancetype_token: cannot be read: .*UTF-8") as error:
        load_settings({})
    assert "secret" not in str(error.value)


def test_omitted_flag_does_not_override_the_file(config: Path) -> None:
    config.write_text("port = 1\n")
    assert load_settings({"port": None}, config=config).port == 1


def test_empty_environment_variable_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANCETYPE_PORT", "")
    assert load_settings({}).port == 8765


CAM = SourceUri(SourceKind.WEBCAM, "0")
TEST = SourceUri(SourceKind.TEST, "")


@pytest.mark.parametrize(
    "text",
    [
        'source = ["cam=0", "test:"]',
        '[source]\ncam = "0"\ntest = "test:"',
    ],
    ids=["list", "table"],
)
def test_sources_in_a_file_may_be_a_list_or_a_table(config: Path, text: str) -> None:
    config.write_text(text)
    assert load_settings({}, config=config).source == {"cam": CAM, "test": TEST}


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("cam=0", {"cam": CAM}),
        ("0", {"webcam-0": CAM}),
        ('["cam=0", "test:"]', {"cam": CAM, "test": TEST}),
    ],
)
def test_sources_in_the_environment_may_be_one_or_a_json_list(
    monkeypatch: pytest.MonkeyPatch, text: str, sources: dict[str, SourceUri]
) -> None:
    monkeypatch.setenv("DANCETYPE_SOURCE", text)
    assert load_settings({}).source == sources


def test_sources_without_a_name_get_unique_names() -> None:
    sources = ["rtsp://cam/1", "rtsp://cam/2", "cam-2=0", "rtsp://cam/3"]
    assert list(load_settings({"source": sources}).source) == ["cam", "cam-3", "cam-2", "cam-4"]


@pytest.mark.parametrize(
    "name",
    ["Main Stage", "B\u00fchne/links", "..", "#1+2", "\u821e\u53f0", "\U0001f483", "n" * 100, "-"],
)
def test_name_may_have_any_printable_characters(name: str) -> None:
    assert load_settings({"source": [f"{name}=0", "test:"]}).source == {name: CAM, "test": TEST}
    assert load_settings({"source": {name: "0"}}).source == {name: CAM}


def test_name_in_a_table_may_contain_an_equals_sign() -> None:
    assert load_settings({"source": {"a=b": "0"}}).source == {"a=b": CAM}


def test_equal_names_in_different_encodings_are_one_name() -> None:
    assert list(load_settings({"source": ["Bu\u0308hne = 0"]}).source) == ["B\u00fchne"]
    with pytest.raises(SettingsError, match="two sources have the name 'B\u00fchne'"):
        load_settings({"source": ["Bu\u0308hne=0", "B\u00fchne=1"]})


@pytest.mark.parametrize("value", ["{0}=test:", {"{0}": "test:"}])
def test_name_that_is_too_long_is_rejected_before_the_run(value: str | dict[str, str]) -> None:
    name = "n" * 101
    source = {name: "test:"} if isinstance(value, dict) else [value.format(name)]
    with pytest.raises(SettingsError, match=r"name 'n+'\.\.\. has 101 characters; use at most 100"):
        load_settings({"source": source})


def test_derived_names_of_long_titles_are_short_and_unique() -> None:
    title = "A very long title of a dance film " * 6
    names = list(load_settings({"source": [f"{title}{part}.mp4" for part in "123"]}).source)
    assert len(set(names)) == 3
    assert max(map(len, names)) < 70


def test_path_with_an_equals_sign_is_not_split_if_it_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "take=2.mp4").touch()
    source = load_settings({"source": ["take=2.mp4", "take=3.mp4"]}).source
    assert [(name, uri.address) for name, uri in source.items()] == [
        ("take-2", "take=2.mp4"),
        ("take", "3.mp4"),
    ]


def test_equals_sign_in_a_url_does_not_separate_a_name() -> None:
    source = load_settings({"source": ["rtsp://cam/?channel=1"]}).source
    assert source["cam"].address == "rtsp://cam/?channel=1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("colour = 1", r"dancetype\.toml: unknown setting 'colour'; known settings: source, host"),
        ("[server]\nport = 1", "unknown setting 'server'"),
        ("port = 70000", "port: .*65535"),
        ('port = "x"', "port: .*integer"),
        ("hop = 0", r"hop: .*0\.02"),
        ("seconds = -1", "seconds: "),
        ('device = "gpu"', "device: .*'auto', 'cpu' or 'cuda'"),
        ('variant = "tiny"', "variant: .*'lite', 'full' or 'heavy'"),
        ("source = 3", "source: expected NAME=URI"),
        ("source = [3]", "source: expected NAME=URI"),
        ('source = ["a=0", "a=1"]', "source: two sources have the name 'a'"),
        ('[source]\n"a\\u0007b" = "0"', r"source: name 'a\\x07b' contains a character that"),
        ('[source]\n"" = "0"', "source: the name before '=' is empty"),
        ('source = "=0"', "source: the name before '=' is empty"),
        (
            'source = "B\u00fchne links=ftp://x/"',
            "source: the URI of 'B\u00fchne links': ftp://x/: ",
        ),
        ('source = "Main Stage="', "source: the URI of 'Main Stage': '' is not a source"),
        ('source = "ftp://x/"', "source: .*not supported"),
        ("port", r"dancetype\.toml: not TOML"),
    ],
)
def test_invalid_file_is_rejected_with_the_key_and_the_reason(
    config: Path, text: str, reason: str
) -> None:
    config.write_text(text)
    with pytest.raises(SettingsError, match=reason) as caught:
        load_settings({}, config=config)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_missing_file_is_reported_with_its_name(config: Path) -> None:
    with pytest.raises(SettingsError, match=r"dancetype\.toml: no such file"):
        load_settings({}, config=config)


@pytest.mark.parametrize(
    "flags",
    [
        {"source": ["a=rtsp://me:secret@cam:x/"]},
        {"source": ["a=rtsp://me:secret@cam/"], "port": -1},
        {"mqtt": ["mqtt://me:secret@host"]},
        {"source": ["stage rtsp://me:secret@cam/"]},
        {"source": ["stage rtsp://me:secret@cam/?a=0"]},
        {"source": ["=rtsp://me:secret@cam/"]},
        {"source": {"rtsp://me:secret@cam/": "0"}},
        {"source": ["a=httpx://me:secret@cam/?pw=secret"]},
    ],
)
def test_error_messages_contain_no_credentials(flags: dict[str, object]) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(flags)
    assert "secret" not in str(caught.value)


def test_error_message_contains_an_invalid_value() -> None:
    with pytest.raises(SettingsError, match=r"people: .* less than or equal to 6, not 9"):
        load_settings({"people": 9})


def test_printed_settings_contain_no_credentials() -> None:
    flags = {"source": ["rtsp://me:secret@cam/"], "mqtt": "mqtt://me:secret@host"}
    assert "secret" not in repr(load_settings(flags))


def test_settings_file_with_byte_order_mark_is_accepted(config: Path) -> None:
    config.write_text('source = ["Bühne=test:"]\r\nport = 1\n', encoding="utf-8-sig", newline="")
    assert load_settings({}, config=config).port == 1


@pytest.mark.parametrize(("encoding", "name"), [("utf-16", "UTF-16"), ("latin-1", "not UTF-8")])
def test_settings_file_in_another_encoding_is_refused_with_remedy(
    config: Path, encoding: str, name: str
) -> None:
    config.write_text('host = "Bühne"', encoding=encoding)
    with pytest.raises(SettingsError, match=rf"dancetype\.toml: .*{name}: save the file as UTF-8"):
        load_settings({}, config=config)


@pytest.mark.parametrize(("value", "parsed"), [("auto", "auto"), ("12.5", 12.5), (15, 15.0)])
def test_pose_fps_is_a_number_or_auto(value: str | int, parsed: str | float) -> None:
    assert load_settings({"pose_fps": value}).pose_fps == parsed


@pytest.mark.parametrize("value", ["0", "241", "fast", "nan", "-inf"])
def test_other_pose_fps_is_reported_with_its_value(value: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings({"pose_fps": value})
    assert str(error.value) == f"pose_fps: {value!r} is neither a number from 1 to 240 nor auto"


def test_images_of_each_source_can_be_turned_mirrored_and_cropped() -> None:
    flags = {
        "source": ["left=0", "right=1", "top=2"],
        "rotate": ["90", "right=180"],
        "flip": ["left=horizontal"],
        "crop": ["top=10,20,30,40"],
    }
    settings = load_settings(flags)
    assert settings.transform("left") == Transform(90, "horizontal")
    assert settings.transform("right") == Transform(180)
    assert settings.transform("top") == Transform(90, crop=(10, 20, 30, 40))


def test_images_of_clips_are_changed_like_those_of_all_sources() -> None:
    settings = load_settings({"rotate": ["90"], "crop": "1,2,3,4"})
    assert settings.clip_transform == Transform(90, crop=(1, 2, 3, 4))
    # A file with settings may also be that of live runs.
    settings = load_settings({"source": ["left=0"], "rotate": ["left=90"], "flip": "horizontal"})
    assert settings.clip_transform == Transform(flip="horizontal")


def test_change_to_one_clip_is_rejected() -> None:
    with pytest.raises(SettingsError, match="rotate: clips have no names; leave out 'left='"):
        _ = load_settings({"rotate": ["left=90"]}).clip_transform


def test_source_may_be_a_table_with_changes_to_its_image(tmp_path: Path) -> None:
    config = tmp_path / "stage.toml"
    config.write_text(
        '[source]\nplain = "0"\n'
        '[source.stage]\nuri = "test:"\nrotate = 270\nflip = true\ncrop = [1, 2, 3, 4]\n'
    )
    settings = load_settings({}, config=config)
    assert list(settings.source) == ["plain", "stage"]
    assert settings.transform("stage") == Transform(270, "horizontal", (1, 2, 3, 4))
    assert settings.transform("plain") == Transform()
    # An option takes precedence over the file.
    assert load_settings({"rotate": ["stage=0"]}, config=config).transform("stage").rotate == 0


def test_changes_to_images_can_be_separate_in_the_file_and_in_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "stage.toml"
    config.write_text('source = "stage=test:"\nrotate = 90\n[crop]\nstage = "0,0,9,9"\n')
    monkeypatch.setenv("DANCETYPE_FLIP", "stage=vertical")
    transform = load_settings({}, config=config).transform("stage")
    assert transform == Transform(90, "vertical", (0, 0, 9, 9))


@pytest.mark.parametrize(
    ("flags", "text", "reason"),
    [
        ({"rotate": ["45"]}, "", r"rotate: .*0, 90, 180 or 270 .*, not '45'"),
        ({"crop": ["stage=1,2,3"]}, "", r"crop: .*X,Y,WIDTH,HEIGHT"),
        ({"flip": ["sideways"]}, "", r"flip: .*horizontal or vertical, not 'sideways'"),
        ({"rotate": ["stgae=90"]}, "", "rotate: no source has the name 'stgae'; use stage"),
        (
            {},
            '[source.stage]\nuri = "0"\nzoom = 2\n',
            r"source\.stage: unknown key 'zoom'; use uri",
        ),
        ({}, "[source.stage]\nrotate = 90\n", "source: "),
        ({}, '[source.stage]\nuri = "0"\nrotate = 91\n', "rotate: .*not 91"),
        (
            {},
            'rotate = 90\n[source.stage]\nuri = "0"\nrotate = 90\n',
            "rotate: given for a source and separately",
        ),
    ],
)
def test_invalid_change_to_images_is_rejected(
    tmp_path: Path, flags: dict[str, list[str]], text: str, reason: str
) -> None:
    config = tmp_path / "stage.toml"
    config.write_text(text or 'source = "stage=test:"\n')
    with pytest.raises(SettingsError, match=reason):
        load_settings(flags, config=config)
