"""Renderer of the clip of `dancetype demo`: one dancer, five genres, motion from AIST++.

    pip install '.[synth]'
    python -m dancetype.training.synthetic.demo_clip --data aist

AIST++ is by Li et al., ICCV 2021; its annotations are CC BY 4.0. The genre model was trained on
the same dances, so the clip shows how dancetype works, and not how accurate it is.
"""

import argparse
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dancetype.engine.progress import console, progress_bar
from dancetype.engine.skeleton import Array
from dancetype.training.data.aist import FRAMES_PER_SECOND, SequenceName, read_sequence
from dancetype.training.synthetic.body import Body, BodyFactory
from dancetype.training.synthetic.camera import Camera, Floats
from dancetype.training.synthetic.clip import Frame, Skin
from dancetype.training.synthetic.medley import Timeline, join_dances
from dancetype.training.synthetic.posing import SkeletonMotion, pose_body
from dancetype.training.synthetic.renderer import Light, Renderer
from dancetype.training.synthetic.stylised import BUILD, dress

CLIP: Final = Path(__file__).parents[2] / "stream" / "clips" / "dance.mp4"
CREDIT: Final = "Motion: AIST++, CC BY 4.0. The model was trained on these dances."


@dataclass(frozen=True, slots=True)
class Dance:
    """Part of an AIST++ sequence.

    Attributes:
        sequence: Name of the sequence.
        start: Start in the sequence, in seconds.
        seconds: Duration.
    """

    sequence: str
    start: float
    seconds: float = 8.6

    @property
    def genre(self) -> str:
        """Genre code."""
        return SequenceName.parse(self.sequence).genre

    def read(self, data: Path) -> Array:
        """Read the joints (T, 17, 3) from an AIST++ folder.

        Raises:
            FileError: The sequence cannot be read.
        """
        joints = read_sequence(data / "keypoints3d" / f"{self.sequence}.pkl").joints
        first, count = (round(time * FRAMES_PER_SECOND) for time in (self.start, self.seconds))
        return joints[first : first + count]


DANCES: Final = (
    Dance("gLO_sFM_cAll_d13_mLO4_ch07", 22.75),
    Dance("gJB_sFM_cAll_d08_mJB2_ch10", 29.25),
    Dance("gKR_sFM_cAll_d29_mKR2_ch10", 12.5),
    Dance("gWA_sFM_cAll_d26_mWA1_ch09", 7.25),
    Dance("gBR_sFM_cAll_d04_mBR2_ch03", 25.25),
)
"""Dances that the genre model names quickly, without a jump, and with an upright start and end."""

TIMELINE: Final = Timeline(pause=2.0, seconds=tuple(dance.seconds for dance in DANCES))
"""Times of `DANCES` in the clip."""

_WIDTH, _HEIGHT, _RATE = 1280, 720, 30
_QUALITY: Final = 26  # constant rate factor
_OVERSAMPLING: Final = 2  # per axis, for smooth edges
_SHADOW_SCALE: Final = 0.5  # size of the shadow's image relative to the frame

_LAMP: Final = np.array([-0.5, 1.1, 0.7]) / np.linalg.norm([-0.5, 1.1, 0.7])
_LIGHT: Final = Light(
    direction=_LAMP,
    lamp_colour=np.array([0.50, 0.485, 0.46]),
    sky_colour=np.array([0.68, 0.69, 0.71]),
    ground_colour=np.array([0.51, 0.50, 0.51]),
)
# Light under which a surface has its own colour.
_FLAT: Final = Light(_LAMP, np.zeros(3), np.ones(3), np.ones(3))

_Picture = NDArray[np.float32]


def _camera(scale: float) -> Camera:
    """Return a camera in front of the origin, for frames of `scale` times the clip's size."""
    # The dancer is above the lower quarter, where an overlay may have a bar.
    distance, height, target = 5.6, 1.3, 0.78
    back = np.array([0, height - target, distance]) / np.hypot(height - target, distance)
    right = np.array([1.0, 0, 0])
    return Camera(
        width=round(_WIDTH * scale),
        height=round(_HEIGHT * scale),
        focal=1.65 * _HEIGHT * scale,
        rotation=np.stack([right, np.cross(back, right), back]).astype(np.float32),
        position=np.array([0, height, distance]),
    )


def _backdrop(camera: Camera) -> _Picture:
    """Return an image (H, W, 3) of a wall that curves into the floor, BGR from 0 to 255."""
    width, height = camera.width, camera.height
    y, x = np.mgrid[0:height, 0:width]
    spot_x, spot_y = camera.pixels(np.zeros(3))
    _, edge = camera.pixels(np.array([0, 0, -2.2]))

    def glow(bright: str, dark: str, distance: Floats) -> Floats:
        lightest, darkest = (np.array(list(bytes.fromhex(code)))[::-1] for code in (bright, dark))
        share = distance.clip(0, 1)[..., None]
        mixed: Floats = lightest * (1 - share) + darkest * share
        return mixed

    from_centre = np.hypot((x - width / 2) / (0.62 * width), (y - 0.42 * height) / (0.75 * height))
    wall = glow("dde6ef", "8fa5bf", 0.75 * from_centre**1.4)
    from_spot = np.hypot((x - spot_x) / (0.6 * width), (y - spot_y) / (0.36 * height))
    floor = glow("eef1f4", "a9b8ca", 0.7 * from_spot.clip(0, 1.2))
    below_edge = 1 / (1 + np.exp(-(y - edge) / (0.035 * height)))[..., None]
    # Noise of less than one level prevents visible steps in the gradients.
    noise = np.random.default_rng(0).uniform(-0.6, 0.6, (height, width, 1))
    picture: _Picture = (wall * (1 - below_edge) + floor * below_edge + noise).astype(np.float32)
    return picture


def _draw_credit(image: _Picture) -> None:
    """Write the credit into the lower left corner, in place."""
    font_file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    mask = Image.new("L", image.shape[1::-1])
    font = ImageFont.truetype(str(font_file), 15)
    ImageDraw.Draw(mask).text((24, _HEIGHT - 12), CREDIT, fill=190, font=font, anchor="ls")
    share = np.asarray(mask, np.float32)[..., None] / 255
    image += (np.array([92, 72, 58], np.float32) - image) * share


class _Scene:
    """Dressed dancer on the backdrop."""

    def __init__(self, body: Body, motion: SkeletonMotion) -> None:
        self._motion = motion
        dressed, outfit = dress(body)
        self._faces, self._colours = dressed.faces, outfit.colours
        # The vertices of the dressed body start with those of the body.
        self._shadow_faces, self._shadow_vertices = body.faces, len(body.vertices)
        self._skin = Skin(dressed, outfit.vertices)
        self._camera, self._shadow_camera = _camera(_OVERSAMPLING), _camera(_SHADOW_SCALE)
        self._renderer = Renderer(self._camera.width)
        self._backdrop = _backdrop(_camera(1))
        _draw_credit(self._backdrop)

    def close(self) -> None:
        self._renderer.close()

    def frames(self) -> Iterator[Frame]:
        """Yield all frames (H, W, 3), BGR."""
        for index in range(len(self._motion.heads)):
            vertices, normals = self._skin.deform(self._motion, index)
            shadow = self._shadow(vertices[: self._shadow_vertices])
            self._renderer.load(self._faces, self._colours)
            drawn = self._renderer.draw(vertices, normals, self._camera, _LIGHT)
            dancer = np.asarray(
                cv2.resize(drawn, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA), np.float32
            )
            opacity = dancer[..., 3:] / 255
            # Light from the backdrop makes the shadow a little blue.
            floor = self._backdrop * (1 - shadow * np.array([0.92, 0.98, 1], np.float32))
            image = floor * (1 - opacity) + dancer[..., :3]
            yield image.clip(0, 255).astype(np.uint8)

    def _shadow(self, vertices: Array) -> _Picture:
        """Return the darkness (H, W, 1) of the floor from 0 to 1."""
        height = vertices[:, 1:2]
        cast = vertices - (_LAMP / _LAMP[1]).astype(np.float32) * height
        lamp = self._blur(self._draw_flat(cast, np.ones_like(height)), 11)
        # Near the floor, the body also keeps off the light from all sides. The lowest part of the
        # body is drawn on top.
        closeness = (1 - height / 0.45).clip(0, 1) ** 2
        below = vertices.copy()
        below[:, 1] = 0.004 - 0.002 * vertices[:, 1]
        contact = self._blur(self._draw_flat(below, closeness), 6)
        darkness = 1 - (1 - 0.24 * lamp) * (1 - 0.42 * contact)
        size = (_WIDTH, _HEIGHT)
        resized = cv2.resize(darkness, size, interpolation=cv2.INTER_CUBIC)
        return np.asarray(resized, np.float32)[..., None]

    def _draw_flat(self, vertices: Array, brightness: Array) -> _Picture:
        self._renderer.load(self._shadow_faces, np.repeat(brightness, 3, axis=1))
        upwards = np.broadcast_to(np.array([0, 1, 0], np.float32), vertices.shape)
        drawn = self._renderer.draw(vertices, upwards, self._shadow_camera, _FLAT)
        return drawn[..., 0].astype(np.float32) / np.float32(255)

    def _blur(self, image: _Picture, sigma: float) -> Any:
        return cv2.GaussianBlur(image, (0, 0), sigma * _SHADOW_SCALE)


def render(data: Path) -> Iterator[Frame]:
    """Yield the frames (H, W, 3) of the clip, BGR.

    Args:
        data: AIST++ folder.

    Raises:
        FileError: A sequence cannot be read.
        WorkerError: Neither OSMesa nor EGL can be used.
        ModuleNotFoundError: The extra `synth` is not installed.
    """
    joints = join_dances([dance.read(data) for dance in DANCES], pause=TIMELINE.pause, seed=3)
    body = BodyFactory().create(BUILD, curl=0.55)
    step = round(FRAMES_PER_SECOND / _RATE)
    with closing(_Scene(body, pose_body(body, joints[::step], _RATE))) as scene:
        yield from scene.frames()


def encode(frames: Iterable[Frame], out: Path) -> None:
    """Write frames as H.264; the same frames give the same file."""
    with av.open(str(out), "w", options={"movflags": "+faststart"}) as file:
        # The result depends on the number of threads.
        options = {"crf": str(_QUALITY), "preset": "slow", "threads": "1"}
        stream = file.add_stream("libx264", rate=_RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        file.mux(stream.encode())


def main() -> None:
    """Render the clip and write it as H.264."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="AIST++ folder")
    parser.add_argument("--out", type=Path, default=CLIP, help="clip (default: %(default)s)")
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with progress_bar(console, unit="frames") as progress:
        total = round(TIMELINE.duration * _RATE)
        encode(progress.track(render(args.data), total=total, description="rendering"), args.out)
    console.print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
