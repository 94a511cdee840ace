"""Print the genre of a video file, or each change of the genre of a live source.

pip install dancetype
python library.py clip.mp4
python library.py --live 0        # or rtsp://..., a file, test:
"""

import argparse

import dancetype


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("source", help="video file, or live source with --live")
    parser.add_argument("--live", action="store_true", help="watch the source live")
    args = parser.parse_args()
    if not args.live:
        result = dancetype.classify(args.source)
        print(f"{result.genre or 'no person'} ({result.confidence:.0%})")
        return
    printed = None
    for prediction in dancetype.watch(args.source):
        text = prediction.name or prediction.status
        if text != printed:
            print(f"{text} ({prediction.confidence:.0%})", flush=True)
            printed = text


if __name__ == "__main__":
    main()
