from hypothesis import example, given

from dancetype.engine.errors import SettingsError
from dancetype.engine.genres import GENRES
from dancetype.engine.media.track import NOT_DANCING
from dancetype.stream.recording_run import Label
from tests.fuzz.fuzzing import check_parser, fuzz_test, texts


@fuzz_test
@given(texts, texts)
@example("none", "\U0001d400" * 64)
@example("break", "../../etc/passwd")
@example("BR", "-.-")
def test_any_label_is_parsed_or_rejected(genre: str, dancer: str) -> None:
    for text in (genre, "house"):
        with check_parser("labels", SettingsError):
            label = Label.parse(text, dancer)
            assert label.genre in (*GENRES, NOT_DANCING)
            file = label.file_name("s" * 64)
            assert len(file.encode()) < 220
            assert not set(file) & set("/\\\0\n")
            assert not file.startswith(".")
