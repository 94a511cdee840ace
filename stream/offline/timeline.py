"""Timeline of a clip: what a live run would report, as JSON lines, CSV or subtitles."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from statistics import fmean
from typing import Final

from dancetype.engine.rolling import Status
from dancetype.stream.message_builder import result_fields
from dancetype.stream.messages import GenreResult, status_text
from dancetype.stream.offline.analysis import ClipAnalysis


@dataclass(frozen=True, slots=True)
class Segment:
    """Part of a clip during which a live run would report the same status and genre.

    Attributes:
        start: Time in seconds at which a player shows the first frame of the segment.
        end: Start of the next segment, or end of the clip.
        status: Kind of result.
        genre: Code of the genre; None unless `status` is `GENRE`.
        confidence: Mean confidence of the predictions.
        dancing: Mean probability that the person dances; None if it is unknown.
    """

    start: float
    end: float
    status: Status
    genre: str | None
    confidence: float
    dancing: float | None


def make_segments(analysis: ClipAnalysis) -> list[Segment]:
    """Return the segments of a clip in order; together, they have the length of the clip.

    Each prediction is valid until the next one, as in the annotated video.
    """
    groups = [
        list(group)
        for _, group in groupby(analysis.predictions, lambda each: (each.status, each.genre))
    ]
    starts = [analysis.delay + group[0].window_end for group in groups]
    end = analysis.delay + analysis.track.seconds
    segments = []
    for group, (start, stop) in zip(groups, pairwise([*starts, end]), strict=True):
        dancing = [each.dancing for each in group if each.dancing is not None]
        segments.append(
            Segment(
                start,
                stop,
                group[0].status,
                group[0].genre,
                fmean(each.confidence for each in group),
                fmean(dancing) if dancing else None,
            )
        )
    return segments


def write_timeline(
    analysis: ClipAnalysis, names: Mapping[str, str], path: Path, *, suffix: str
) -> None:
    """Write the timeline of a clip to a text file.

    Args:
        analysis: Analysis of the clip.
        names: Genre names by code, in the classifier's order.
        path: Path of the file.
        suffix: Format: one of `SUFFIXES`.

    Raises:
        OSError: The file cannot be written.
    """
    text = "".join(_FORMATS[suffix](analysis, names))
    path.write_text(text, encoding="utf-8", newline="\n")


def _json_lines(analysis: ClipAnalysis, names: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each prediction: its time, and the fields of a message."""
    for prediction in analysis.predictions:
        result = GenreResult(**result_fields(prediction, names)).model_dump(mode="json")
        entry = {"time": round(analysis.delay + prediction.window_end, 3), **result}
        yield f"{json.dumps(entry, ensure_ascii=False)}\n"


def _csv(analysis: ClipAnalysis, names: Mapping[str, str]) -> Iterator[str]:
    """Yield a table with a row for each segment."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["from", "to", "status", "genre", "name", "confidence", "dancing"])
    for segment in make_segments(analysis):
        dancing = "" if segment.dancing is None else f"{segment.dancing:.4f}"
        name = "" if segment.genre is None else names[segment.genre]
        times = f"{segment.start:.3f}", f"{segment.end:.3f}"
        result = segment.status.value, segment.genre, name, f"{segment.confidence:.4f}", dancing
        writer.writerow([*times, *result])
    yield table.getvalue()


def _subtitles(analysis: ClipAnalysis, names: Mapping[str, str]) -> Iterator[str]:
    """Yield a SubRip subtitle for each segment."""
    for number, segment in enumerate(make_segments(analysis), 1):
        if segment.genre is None:
            text = status_text(segment.status, segment.dancing)
        else:
            text = f"{names[segment.genre]} {segment.confidence:.0%}"
        yield f"{number}\n{_timestamp(segment.start)} --> {_timestamp(segment.end)}\n{text}\n\n"


def _timestamp(time: float) -> str:
    """Return a time in seconds in the notation of SubRip, such as `00:01:02,500`."""
    seconds, milliseconds = divmod(round(time * 1000), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02},{milliseconds:03}"


_FORMATS: Final[dict[str, Callable[[ClipAnalysis, Mapping[str, str]], Iterator[str]]]] = {
    ".jsonl": _json_lines,
    ".csv": _csv,
    ".srt": _subtitles,
}

SUFFIXES: Final = tuple(_FORMATS)
"""Suffixes of the files that `write_timeline` can write."""
