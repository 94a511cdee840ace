"""NDI sender of a video in a loop: `python -m tests.testbed.ndi_sender NAME VIDEO`.

It announces itself on 127.0.0.1 only, if `NDI_CONFIG_DIR` has the file of `write_ndi_config`.
"""

import json
import sys
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np

from dancetype.stream.sources.file import FileSource


def write_ndi_config(folder: Path) -> dict[str, str]:
    """Write a configuration that finds sources of this machine; return its variable."""
    config = {"ndi": {"networks": {"ips": "127.0.0.1,"}}}
    (folder / "ndi-config.v1.json").write_text(json.dumps(config))
    return {"NDI_CONFIG_DIR": str(folder)}


def main(name: str, video: str) -> None:
    """Send a video until the process is killed."""
    from cyndilib.sender import Sender
    from cyndilib.video_frame import VideoSendFrame
    from cyndilib.wrapper.ndi_structs import FourCC

    with closing(FileSource(video)) as source:
        frames = [frame for frame in iter(source.read, None) if frame]
    height, width, _ = frames[0].image.shape
    video_frame = VideoSendFrame()
    video_frame.set_resolution(width, height)
    video_frame.set_frame_rate(Fraction(round(1 / (frames[1].time - frames[0].time))))
    video_frame.set_fourcc(FourCC.BGRX)
    sender = Sender(name)
    sender.set_video_frame(video_frame)
    images = [np.dstack([frame.image, np.zeros((height, width), np.uint8)]) for frame in frames]
    with sender:
        while True:
            for image in images:
                # This waits until the frame is due.
                sender.write_video(image.ravel())


if __name__ == "__main__":
    main(*sys.argv[1:])
