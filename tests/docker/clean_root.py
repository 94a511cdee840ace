"""A clean Debian in a folder, to run commands and services without a container engine."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import pytest

_CHECKOUT: Final = Path(__file__).parents[2]
# Files that the Dockerfile copies.
_SOURCES: Final = (
    *("LICENSE", "README.md", "pyproject.toml"),
    *("dancetype", "engine", "export", "stream", "training", "docker"),
)
_MIRROR: Final = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
# In the image, these come with the Python base image.
_PACKAGES: Final = "ca-certificates,python3,python3-venv"
_USER: Final = "10001"
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _missing_requirement() -> str | None:
    """Return the reason why a clean root cannot be created now, or None."""
    if "DANCETYPE_CONTAINER" not in os.environ:
        return "takes minutes: make container"
    if os.geteuid() != 0:
        return "debootstrap and chroot need root: sudo make container"
    if shutil.which("debootstrap") is None:
        return "needs debootstrap: apt-get install debootstrap"
    mounted = subprocess.run(
        ("unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"), capture_output=True
    )
    return None if mounted.returncode == 0 else "mounting is not permitted in this sandbox"


_SKIP_REASON: Final = _missing_requirement()
needs_clean_root: Final = pytest.mark.skipif(_SKIP_REASON is not None, reason=str(_SKIP_REASON))
"""Mark of tests that need a `CleanRoot`."""


class CleanRoot:
    """Debian installed by debootstrap, with the sources of the image in `/src`.

    Args:
        folder: Folder to install it in; empty, or not created yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # The minimal variant, as in slim images.
        subprocess.run(
            [
                *("debootstrap", "--variant=minbase", f"--include={_PACKAGES}"),
                *("bookworm", str(folder), _MIRROR),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        shutil.copy("/etc/resolv.conf", folder / "etc" / "resolv.conf")
        skip = shutil.ignore_patterns("__pycache__", "secrets")
        (folder / "src").mkdir()
        for name in _SOURCES:
            if (_CHECKOUT / name).is_dir():
                shutil.copytree(_CHECKOUT / name, folder / "src" / name, ignore=skip)
            else:
                shutil.copy(_CHECKOUT / name, folder / "src" / name)

    def build(self, *arguments: str) -> None:
        """Run a build step as root, with the pip settings of this machine.

        Raises:
            CalledProcessError: The step failed.
        """
        subprocess.run(self._build_command(arguments), check=True)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command as `build` does; return its result and its output."""
        command = self._build_command(arguments)
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def popen(self, *arguments: str, environment: dict[str, str]) -> "subprocess.Popen[str]":
        """Start a command as in a container without privileges.

        It runs as the image's user, without capabilities and without a way to gain them. Everything
        is read-only except `/tmp` and `/data`, which are empty.
        """
        unprivileged = (
            *("setpriv", "--reuid", _USER, "--regid", _USER, "--clear-groups"),
            *("--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"),
        )
        mounts = [
            'mount -o remount,ro,bind "$root"',
            'mount -t tmpfs -o noexec,nosuid,nodev tmpfs "$root/tmp"',
            f'mount -t tmpfs -o uid={_USER},gid={_USER} tmpfs "$root/data"',
        ]
        return subprocess.Popen(
            self._command((*unprivileged, *arguments), environment, mounts),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    @contextmanager
    def booted(self) -> Iterator["Boot"]:
        """Boot the system: systemd runs as process 1, on the network of this machine."""
        (group,) = subprocess.run(
            ("findmnt", "--noheadings", "--first-only", "--types", "cgroup2", "--output", "TARGET"),
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
        cgroup = Path(group, f"dancetype-{os.getpid()}")
        cgroup.mkdir()
        script = _BOOT.format(cgroup=shlex.quote(str(cgroup)), root=shlex.quote(str(self.folder)))
        # The end of `unshare` ends process 1, and so all others.
        with subprocess.Popen(("sh", "-c", script), stderr=subprocess.PIPE) as process:
            try:
                yield Boot(process.pid, self.folder)
            finally:
                process.kill()
        # All processes end with process 1, but after it.
        while "populated 1" in (cgroup / "cgroup.events").read_text():
            time.sleep(0.1)
        for folder in sorted((path for path in cgroup.rglob("*") if path.is_dir()), reverse=True):
            folder.rmdir()
        cgroup.rmdir()

    def _build_command(self, arguments: Iterable[str]) -> tuple[str, ...]:
        environment = _pip_environment()
        mounts = [f"mount_ro {shlex.quote(path)}" for path in _mentioned_paths(environment)]
        return self._command(arguments, environment, mounts)

    def _command(
        self, arguments: Iterable[str], environment: Mapping[str, str], mounts: Iterable[str]
    ) -> tuple[str, ...]:
        """Return the command in a mount namespace, so that all mounts end with it."""
        script = "\n".join(
            (
                "set -eu",
                "root=$1; shift",
                'mount_ro() { [ -e "$1" ] || return 0; mkdir -p "$root$(dirname "$1")";'
                ' if [ -d "$1" ]; then mkdir -p "$root$1"; else touch "$root$1"; fi;'
                ' mount -o bind,ro "$1" "$root$1"; }',
                'mount --bind "$root" "$root"',
                'mount -t proc proc "$root/proc"',
                'mount --rbind /dev "$root/dev"',
                *mounts,
                'exec chroot "$root" /usr/bin/env -i "$@"',
            )
        )
        unshare = ("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh")
        variables = {"PATH": _PATH, "HOME": "/tmp", "LC_ALL": "C.UTF-8", **environment}
        assignments = (f"{name}={value}" for name, value in variables.items())
        return (*unshare, str(self.folder), *assignments, *arguments)


# The subtree of cgroups is that of the new system only. Mounts are shared inside it, since systemd
# mounts credentials in a child process.
_BOOT: Final = """
set -eu
echo $$ >{cgroup}/cgroup.procs
exec unshare --kill-child=KILL --fork --pid --mount --uts --ipc --cgroup --propagation private \\
    sh -euc '
    root=$1
    mount --bind "$root" "$root"
    for folder in dev run tmp; do mount -t tmpfs tmpfs "$root/$folder"; done
    for device in null zero full random urandom tty; do
        touch "$root/dev/$device"
        mount --bind "/dev/$device" "$root/dev/$device"
    done
    mkdir "$root/dev/shm"
    mount -t tmpfs tmpfs "$root/dev/shm"
    ln -s /proc/self/fd "$root/dev/fd"
    mount -t proc proc "$root/proc"
    mount -t sysfs sysfs "$root/sys"
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
    mount --make-rshared "$root"
    exec chroot "$root" /usr/bin/env -i container=other /lib/systemd/systemd --system' sh {root}
"""


class Boot:
    """System that has been booted in a clean root.

    Args:
        process: Number of the process that has started it.
        folder: Folder of the root.
    """

    def __init__(self, process: int, folder: Path) -> None:
        self._process = process
        self._folder = folder

    def run(self, *arguments: str) -> str:
        """Run a command as root; return its output.

        Raises:
            CalledProcessError: The command failed.
        """
        children = Path(f"/proc/{self._process}/task/{self._process}/children").read_text()
        namespaces = ("--mount", "--pid", "--uts", "--ipc", "--cgroup")
        environment = ("/usr/bin/env", "-i", f"PATH={_PATH}", "LC_ALL=C.UTF-8")
        return subprocess.run(
            [
                *("nsenter", "--target", children.split()[0], *namespaces),
                *("chroot", str(self._folder), *environment, *arguments),
            ],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ).stdout


def _pip_environment() -> dict[str, str]:
    """Return the settings of pip and uv as environment variables, including proxies."""
    listed = subprocess.run(
        (sys.executable, "-m", "pip", "config", "list"), check=True, capture_output=True, text=True
    )
    variables = {
        name: value
        for name, value in os.environ.items()
        if name.lower().endswith("_proxy") or name == "SSL_CERT_FILE" or name.startswith("UV_")
    }
    for line in listed.stdout.splitlines():
        key, _, value = line.partition("=")
        scope, _, name = key.rpartition(".")
        if scope in ("global", "install", ":env:"):
            variables["PIP_" + name.upper().replace("-", "_")] = value.strip("'\"")
    return variables


def _mentioned_paths(environment: Mapping[str, str]) -> list[str]:
    """Return the existing files and folders in the values of these variables.

    For a `file://` index it is the parent folder, which usually contains the files of the index.
    """
    paths = set()
    for word in " ".join(environment.values()).split():
        if word.startswith("file://"):
            paths.add(str(Path(unquote(urlsplit(word).path)).parent))
        elif word.startswith("/"):
            paths.add(word)
    return sorted(path for path in paths if Path(path).exists())
