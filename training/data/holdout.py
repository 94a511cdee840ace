"""Hold-out set of custom clips: the choice of the clips to test on."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

from dancetype.engine.media.track import NOT_DANCING, Track

_HOLD_OUT_DIVISOR: Final = 4  # a quarter of the dancers or clips of a genre is held out


@dataclass(frozen=True, slots=True)
class CustomClip:
    """Clip supplied by the user.

    Attributes:
        track: Track of the whole clip.
        segments: Parts of the track in which a person is visible, each long enough for a window.
    """

    track: Track
    segments: list[Track]

    @property
    def seconds(self) -> float:
        """Total length of the segments."""
        return sum(float(segment.times[-1] - segment.times[0]) for segment in self.segments)


@dataclass(frozen=True, slots=True)
class HoldOut:
    """Split of custom clips into a training set and a test set.

    Attributes:
        train: Clips to train on.
        test: Clips to test on; empty if there are too few to hold any out.
        dancers: Dancers who are held out.
        shared_genres: Genres with single clips held out, whose dancers may be trained on.
        untested_genres: Genres without a clip to test on.
    """

    train: list[CustomClip]
    test: list[CustomClip] = field(default_factory=list)
    dancers: tuple[str, ...] = ()
    shared_genres: tuple[str, ...] = ()
    untested_genres: tuple[str, ...] = ()

    @property
    def dancers_are_unseen(self) -> bool:
        """True if training and test share no dancer, according to the names of the folders."""
        training = [clip.track for clip in self.train if clip.track.genre != NOT_DANCING]
        return not self.shared_genres and all(track.dancer for track in training)

    @property
    def name(self) -> str:
        """Name of the test split."""
        if self.dancers_are_unseen:
            return f"unseen dancers {', '.join(self.dancers)}"
        return "unseen clips, of dancers who may be known"


def hold_out(clips: Sequence[CustomClip], *, required_seconds: float) -> HoldOut:
    """Hold out about a quarter, and at least one, of each genre's dancers.

    A dancer is held out in all genres. For a genre in which no dancer can be held out, about a
    quarter of the clips is held out instead. The choice is deterministic.

    Args:
        clips: All clips, with unique names.
        required_seconds: Seconds of each genre that must remain in the training set.
    """
    dance_clips = [clip for clip in clips if clip.track.genre != NOT_DANCING]
    genres = sorted({clip.track.genre for clip in dance_clips})
    dancers = _choose_dancers(dance_clips, genres, required_seconds)
    test = [clip for clip in dance_clips if clip.track.dancer in dancers]
    shared_genres = []
    for genre in set(genres) - {clip.track.genre for clip in test}:
        if chosen := _choose_clips(
            [clip for clip in dance_clips if clip.track.genre == genre], required_seconds
        ):
            test += chosen
            shared_genres.append(genre)
    tested_genres = {clip.track.genre for clip in test}
    if len(tested_genres) < 2:
        return HoldOut(list(clips), untested_genres=tuple(genres))
    test_names = {clip.track.name for clip in test}
    return HoldOut(
        [c for c in clips if c.track.name not in test_names and c.track.dancer not in dancers],
        sorted(test, key=lambda clip: (clip.track.genre, clip.track.name)),
        tuple(sorted(dancers)),
        tuple(sorted(shared_genres)),
        tuple(genre for genre in genres if genre not in tested_genres),
    )


def usable_seconds(
    clips: Iterable[CustomClip], genre: str, *, without: Collection[str] = ()
) -> float:
    """Return the seconds of a genre that can be trained on, excluding the dancers in `without`."""
    return sum(
        clip.seconds
        for clip in clips
        if clip.track.genre == genre and clip.track.dancer not in without
    )


def _choose_dancers(
    clips: list[CustomClip], genres: list[str], required_seconds: float
) -> set[str]:
    held_out: set[str] = set()
    seconds: dict[str, float] = defaultdict(float)
    for clip in clips:
        seconds[clip.track.dancer] += clip.seconds
    for genre in genres:
        candidates = {clip.track.dancer for clip in clips if clip.track.genre == genre} - {""}
        count = max(len(candidates) // _HOLD_OUT_DIVISOR, 1)
        # Start with the dancers with the least material, to leave the most for the training.
        for dancer in sorted(candidates - held_out, key=lambda name: (seconds[name], name)):
            if len(candidates & held_out) >= count:
                break
            extended = held_out | {dancer}
            dancer_genres = {clip.track.genre for clip in clips if clip.track.dancer == dancer}
            if all(
                usable_seconds(clips, code, without=extended) >= required_seconds
                for code in dancer_genres
            ):
                held_out = extended
    return held_out


def _choose_clips(clips: list[CustomClip], required_seconds: float) -> list[CustomClip]:
    # The order by a hash of the name is unrelated to the order of recording.
    shuffled = sorted(clips, key=lambda clip: crc32(clip.track.name.encode()))
    count = max(len(shuffled) // _HOLD_OUT_DIVISOR, 1)
    remaining = sum(clip.seconds for clip in shuffled[count:])
    return shuffled[:count] if remaining >= required_seconds else []
