"""Looks at the clips of an archive on all cores of a Ray cluster."""

import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dancetype.engine.errors import ExpectedError, WorkerError, printable
from dancetype.engine.workers import OpenWorker, WorkerPool
from dancetype.stream.offline.clip_job import Task
from dancetype.stream.offline.results import Result

# Ray Data holds a note of each clip that is to come; after so many the actors start anew.
_CHUNK: Final = 10_000
_ATTEMPTS: Final = 2


class Labeller:
    """Looks at clips on one core: what Ray makes an actor of.

    The looking itself is done by a process of its own. One that crashes takes nothing with it; one
    that is killed, for which the clip may be as little to blame, is given a second try.

    Args:
        root: folder of the archive, which is to be there on each machine.
        open_worker: loads what looks at clips.
    """

    def __init__(self, root: str, open_worker: OpenWorker) -> None:
        # Ray's main program, and Ray with it, would be loaded by that process too.
        vars(sys.modules["__main__"]).pop("__file__", None)
        self._root = root
        self._pool = WorkerPool(open_worker, processes=1)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """What is said of each file of `batch`, as JSON; its `fault` where nothing can be done."""
        said = [self._said(Path(self._root, os.fsdecode(file))) for file in batch["file"]]
        return {"name": list(batch["name"]), "said": [json.dumps(each) for each in said]}

    def _said(self, clip: Path) -> Result:
        if not Path(self._root).is_dir():
            return self._fault(f"there is no folder {self._root}; mount it there on each machine")
        said: Result = {}
        for _ in range(_ATTEMPTS):
            said = self._tried(clip)
            if not said.keys() & {"crashed", "fault"}:
                return said
        if "fault" in said:
            return said
        return {"error": printable(f"{clip}: {said['crashed']}; tried {_ATTEMPTS} times")}

    def _tried(self, clip: Path) -> Result:
        try:
            ((_, outcome),) = self._pool.run([Task(clip)])
        except ExpectedError as error:
            return self._fault(str(error))
        if isinstance(outcome, WorkerError):
            return {"crashed": str(outcome)}
        if isinstance(outcome, Exception):
            return {"crashed": f"{type(outcome).__name__}: {outcome}"}
        return dict(outcome)

    def _fault(self, reason: str) -> Result:
        return {"fault": f"{socket.gethostname()}: {reason}"}


def labelled(
    ray: Any,
    root: Path,
    files: Mapping[str, Path],
    names: Sequence[str],
    open_worker: OpenWorker,
) -> Iterator[tuple[str, Result]]:
    """Looks at clips, in any order; gives each name with what is said of it, as soon as it is.

    Args:
        ray: the module, attached.
        root: folder of the archive, which is to be there on each machine.
        files: in it, by name.
        names: of those to look at.
        open_worker: loads what looks at clips.

    Raises:
        WorkerError: it cannot begin, or the cluster has failed.
    """
    seen: set[str] = set()
    try:
        foreman = ray.remote(num_cpus=0)(Foreman).remote(str(root), open_worker)
        for start in range(0, len(names), _CHUNK):
            chunk = names[start : start + _CHUNK]
            ray.get(foreman.begin.remote([(name, os.fsencode(files[name])) for name in chunk]))
            while answers := ray.get(foreman.next.remote()):
                for name, said in answers:
                    result = json.loads(said)
                    if "fault" in result:
                        raise WorkerError(result["fault"])
                    if name not in seen:
                        seen.add(name)
                        yield name, result
    except (ray.exceptions.RayError, ConnectionError) as error:
        lines = str(error).strip().splitlines()
        raise WorkerError(f"Ray has failed: {lines[-1] if lines else error!r}") from error


class Foreman:
    """Shares out clips among all cores: an actor, since Ray Data works in the cluster alone.

    Args:
        root: folder of the archive, which is to be there on each machine.
        open_worker: loads what looks at clips.
    """

    def __init__(self, root: str, open_worker: OpenWorker) -> None:
        self._for_labellers = (root, open_worker)
        self._batches: Iterator[Any] = iter(())

    def begin(self, clips: Sequence[tuple[str, bytes]]) -> None:
        """Takes clips, each a name and its file in the archive, as the system writes it."""
        import ray
        from ray import data

        context = data.DataContext.get_current()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = False
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        cores = int(resources.get("CPU", 1))
        # A block a clip, so that a worker which is lost takes no other clip's answer along.
        blocks = data.from_items(
            [{"name": name, "file": file} for name, file in clips], override_num_blocks=len(clips)
        )
        answers = blocks.map_batches(
            Labeller,
            fn_constructor_args=self._for_labellers,
            batch_size=1,
            compute=data.ActorPoolStrategy(size=max(cores, 1), max_tasks_in_flight_per_actor=1),
            num_cpus=1,
        )
        self._batches = iter(answers.iter_batches(batch_size=None, prefetch_batches=0))

    def next(self) -> list[tuple[str, str]]:
        """Waits for the next clips: the name of each, and what is said as JSON; none at the end."""
        batch = next(self._batches, {"name": (), "said": ()})
        return [
            (str(name), str(said)) for name, said in zip(batch["name"], batch["said"], strict=True)
        ]
