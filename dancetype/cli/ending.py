"""Ends the command where a thread cannot be ended."""

import os
import sys


def end(*, failed: bool, stuck: bool) -> None:
    """Leaves with code 1 where something failed; returns where all is well.

    Args:
        failed: whether something did.
        stuck: a camera's driver or connection holds a thread, which at the interpreter's end would
            wake to find nothing left. Everything of ours is closed by now.
    """
    if stuck:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(failed))
    if failed:
        sys.exit(1)
