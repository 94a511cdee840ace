"""Several Ray nodes on this machine, which can be killed as a whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from ray.cluster_utils import Cluster


@contextmanager
def ray_head(*, cores: float) -> Iterator[Cluster]:
    """A cluster of one node so far; all of its nodes are killed in the end."""
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": cores, "include_dashboard": False},
        # Its hooks for that can only be set on the main thread, which may have to listen.
        shutdown_at_exit=False,
    )
    try:
        yield cluster
    finally:
        for node in (*cluster.worker_nodes, cluster.head_node):
            for info in (each for kind in node.all_processes.values() for each in kind):
                kill_tree(info.process.pid)


def kill_tree(pid: int) -> None:
    """Kills a process and all that it has started, at once."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for each in family:
        each.kill()
    psutil.wait_procs(family, 5)


def kill_node(node: Any) -> None:
    """Kills a node with all the processes on it, as a power cut would."""
    (raylet,) = node.all_processes["raylet"]
    kill_tree(raylet.process.pid)


@contextmanager
def ray_nodes(count: int, *, cores: float) -> Iterator[tuple[Cluster, list[Any]]]:
    """A cluster whose head has no cores, and its `count` nodes with so many cores each."""
    with ray_head(cores=0) as cluster:
        yield (
            cluster,
            [cluster.add_node(num_cpus=cores, include_dashboard=False) for _ in range(count)],
        )
