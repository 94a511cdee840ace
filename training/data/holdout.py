"""Which clips of one's own are kept out of the training, to be tested on."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

from dancetype.engine.media.track import NOT_DANCING, Track

_ONE_IN: Final = 4


@dataclass(frozen=True, slots=True)
class CustomClip:
    """A clip of one's own.

    Attributes:
        track: of the whole clip.
        parts: stretches of it in which somebody is seen, each long enough for a window.
    """

    track: Track
    parts: list[Track]

    @property
    def seconds(self) -> float:
        """How much of it can be learned from."""
        return sum(float(part.times[-1] - part.times[0]) for part in self.parts)


@dataclass(frozen=True, slots=True)
class HoldOut:
    """What is tested on, and what that is worth.

    Attributes:
        learned: clips to learn from.
        tested: clips to test on; none where there is too little to hold anything out.
        dancers: of whom nothing is learned.
        shared: genres whose clips are held out one by one, so that their dancers may be learned.
        missing: genres of which nothing is tested.
    """

    learned: list[CustomClip]
    tested: list[CustomClip] = field(default_factory=list)
    dancers: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def unseen(self) -> bool:
        """Whether nobody who is tested on was learned from, as far as the folders tell."""
        danced = [clip.track for clip in self.learned if clip.track.genre != NOT_DANCING]
        return not self.shared and all(track.dancer for track in danced)

    @property
    def name(self) -> str:
        """Of the split that is tested on."""
        if self.unseen:
            return f"unseen dancers {', '.join(self.dancers)}"
        return "unseen clips, of dancers who may be known"


def hold_out(clips: Sequence[CustomClip], *, needed: float) -> HoldOut:
    """Chooses about a quarter of each genre's dancers, one or more, or else of its clips.

    The same clips give the same choice. Whoever is held out is so in all genres.

    Args:
        clips: all there are; none is of the same name as another.
        needed: seconds of each genre that have to be left to learn from.
    """
    danced = [clip for clip in clips if clip.track.genre != NOT_DANCING]
    genres = sorted({clip.track.genre for clip in danced})
    dancers = _dancers(danced, genres, needed)
    tested = [clip for clip in danced if clip.track.dancer in dancers]
    shared = []
    for genre in set(genres) - {clip.track.genre for clip in tested}:
        if chosen := _clips([clip for clip in danced if clip.track.genre == genre], needed):
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
    """Seconds of a genre that can be learned from, but for the clips of some dancers."""
    return sum(
        clip.seconds
        for clip in clips
        if clip.track.genre == genre and clip.track.dancer not in without
    )


def _dancers(clips: list[CustomClip], genres: list[str], needed: float) -> set[str]:
    held: set[str] = set()
    for genre in genres:
        its = {clip.track.dancer for clip in clips if clip.track.genre == genre} - {""}
        wanted = max(len(its) // _ONE_IN, 1)
        # Those of whom there is the least, so that most is left to learn from.
        ranked = sorted(
            its - held,
            key=lambda dancer: (
                sum(clip.seconds for clip in clips if clip.track.dancer == dancer),
                dancer,
            ),
        )
        for dancer in ranked:
            if len(its & held) >= wanted:
                break
            without = held | {dancer}
            danced = {clip.track.genre for clip in clips if clip.track.dancer == dancer}
            if all(seconds_of(clips, its_genre, without=without) >= needed for its_genre in danced):
                held = without
    return held


def _clips(clips: list[CustomClip], needed: float) -> list[CustomClip]:
    """Some clips of one genre: not the first ones filmed, nor the last."""
    ranked = sorted(clips, key=lambda clip: crc32(clip.track.name.encode()))
    chosen = ranked[: max(len(ranked) // _ONE_IN, 1)]
    left = sum(clip.seconds for clip in ranked[len(chosen) :])
    return chosen if left >= needed else []
