"""Several Ray nodes on this machine, each of which can be killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from ray.cluster_utils import Cluster


@contextmanager
def ray_head(*, cores: float) -> Iterator[Cluster]:
    """Start a cluster with a head node only; kill all of its nodes at the end."""
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": cores, "include_dashboard": False},
        # The signal handlers for this can be set on the main thread only.
        shutdown_at_exit=False,
    )
    try:
        yield cluster
    finally:
        for node in (*cluster.worker_nodes, cluster.head_node):
            for processes in node.all_processes.values():
                for info in processes:
                    kill_tree(info.process.pid)


def kill_tree(pid: int) -> None:
    """Kill a process and all of its descendants."""
    try:
        process = psutil.Process(pid)
        processes = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, 5)


def kill_node(node: Any) -> None:
    """Kill all processes of a node, as a power failure would."""
    (raylet,) = node.all_processes["raylet"]
    kill_tree(raylet.process.pid)


@contextmanager
def ray_nodes(count: int, *, cores: float) -> Iterator[tuple[Cluster, list[Any]]]:
    """Start a cluster of a head without cores and `count` nodes with `cores` each."""
    with ray_head(cores=0) as cluster:
        yield (
            cluster,
            [cluster.add_node(num_cpus=cores, include_dashboard=False) for _ in range(count)],
        )
