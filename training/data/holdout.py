"""Choice of the custom clips that are held out of the training for a test."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

from dancetype.engine.media.track import NOT_DANCING, Track

_ONE_IN: Final = 4


@dataclass(frozen=True, slots=True)
class CustomClip:
    """A clip of the user.

    Attributes:
        track: Track of the whole clip.
        parts: Its stretches with somebody in sight, each long enough for a window.
    """

    track: Track
    parts: list[Track]

    @property
    def seconds(self) -> float:
        """Seconds that can be learned from."""
        return sum(float(part.times[-1] - part.times[0]) for part in self.parts)


@dataclass(frozen=True, slots=True)
class HoldOut:
    """Clips to train on and clips to test on.

    Attributes:
        learned: Clips to train on.
        tested: Clips to test on; none if there are too few to hold any out.
        dancers: Dancers who are held out.
        shared: Genres whose clips are held out one by one; their dancers may be trained on.
        missing: Genres without a test.
    """

    learned: list[CustomClip]
    tested: list[CustomClip] = field(default_factory=list)
    dancers: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def unseen(self) -> bool:
        """True if training and test share no dancer, as far as the folders tell."""
        danced = [clip.track for clip in self.learned if clip.track.genre != NOT_DANCING]
        return not self.shared and all(track.dancer for track in danced)

    @property
    def name(self) -> str:
        """Name of the split that is tested on."""
        if self.unseen:
            return f"unseen dancers {', '.join(self.dancers)}"
        return "unseen clips, of dancers who may be known"


def hold_out(clips: Sequence[CustomClip], *, needed: float) -> HoldOut:
    """Hold out about a quarter of each genre's dancers, one or more, or else of its clips.

    The same clips give the same choice. A dancer is held out in all genres.

    Args:
        clips: All clips, of different names.
        needed: Seconds of each genre that have to be left to train on.
    """
    danced = [clip for clip in clips if clip.track.genre != NOT_DANCING]
    genres = sorted({clip.track.genre for clip in danced})
    dancers = _choose_dancers(danced, genres, needed)
    tested = [clip for clip in danced if clip.track.dancer in dancers]
    shared = []
    for genre in set(genres) - {clip.track.genre for clip in tested}:
        if chosen := _choose_clips([clip for clip in danced if clip.track.genre == genre], needed):
            tested += chosen
            shared.append(genre)
    measured = {clip.track.genre for clip in tested}
    if len(measured) < 2:
        return HoldOut(list(clips), missing=tuple(genres))
    names = {clip.track.name for clip in tested}
    learned = [c for c in clips if c.track.name not in names and c.track.dancer not in dancers]
    return HoldOut(
        learned,
        sorted(tested, key=lambda clip: (clip.track.genre, clip.track.name)),
        tuple(sorted(dancers)),
        tuple(sorted(shared)),
        tuple(genre for genre in genres if genre not in measured),
    )


def seconds_of(clips: Iterable[CustomClip], genre: str, *, without: Collection[str] = ()) -> float:
    """Return the seconds of a genre that can be learned from, without some dancers."""
    return sum(
        clip.seconds
        for clip in clips
        if clip.track.genre == genre and clip.track.dancer not in without
    )


def _choose_dancers(clips: list[CustomClip], genres: list[str], needed: float) -> set[str]:
    held: set[str] = set()
    seconds: dict[str, float] = defaultdict(float)
    for clip in clips:
        seconds[clip.track.dancer] += clip.seconds
    for genre in genres:
        its = {clip.track.dancer for clip in clips if clip.track.genre == genre} - {""}
        wanted = max(len(its) // _ONE_IN, 1)
        # Dancers with the least material first, so that most is left to learn from.
        for dancer in sorted(its - held, key=lambda dancer: (seconds[dancer], dancer)):
            if len(its & held) >= wanted:
                break
            without = held | {dancer}
            danced = {clip.track.genre for clip in clips if clip.track.dancer == dancer}
            if all(seconds_of(clips, its_genre, without=without) >= needed for its_genre in danced):
                held = without
    return held


def _choose_clips(clips: list[CustomClip], needed: float) -> list[CustomClip]:
    # By a hash of the name, so not the first ones filmed, nor the last.
    ranked = sorted(clips, key=lambda clip: crc32(clip.track.name.encode()))
    chosen = ranked[: max(len(ranked) // _ONE_IN, 1)]
    left = sum(clip.seconds for clip in ranked[len(chosen) :])
    return chosen if left >= needed else []
