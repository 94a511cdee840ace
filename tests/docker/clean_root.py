"""A clean Debian in a folder, in which an image's steps run as they would in an image."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

_CHECKOUT: Final = Path(__file__).parents[2]
# What the Dockerfile copies.
_SOURCES: Final = (
    *("LICENSE", "README.md", "pyproject.toml"),
    *("dancetype", "engine", "export", "stream", "training", "docker"),
)
_MIRROR: Final = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
# Of what every container has; an image's own Python comes with its base.
_PACKAGES: Final = "ca-certificates,python3,python3-venv"
_USER: Final = "10001"
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def why_not() -> str | None:
    """Why there can be no clean root on this machine, if there cannot."""
    if os.geteuid() != 0:
        return "debootstrap and chroot are for root alone: sudo make container"
    if shutil.which("debootstrap") is None:
        return "needs debootstrap: apt-get install debootstrap"
    mounted = subprocess.run(
        ("unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"), capture_output=True
    )
    return None if mounted.returncode == 0 else "nothing may be mounted in this sandbox"


class CleanRoot:
    """A Debian made by debootstrap, with the sources of an image in `/src`.

    Args:
        folder: that it is made in, empty or not there yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Debian's minimal base, as slim images are.
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

    def build(self, *words: str) -> None:
        """Runs a step of the image as root, with a pip that looks where this one does.

        Raises:
            CalledProcessError: it fails.
        """
        settings = _pip_settings()
        places = [f"mount_ro {shlex.quote(place)}" for place in _places(settings.values())]
        subprocess.run(self._line(words, settings, places), check=True)

    def popen(self, *words: str, environment: dict[str, str]) -> "subprocess.Popen[str]":
        """Starts a command as a container does that may do nothing.

        It has the image's user, no capability and no way to one; all is read-only but `/tmp` and
        `/data`, which are new and empty.
        """
        bounded = (
            *("setpriv", "--reuid", _USER, "--regid", _USER, "--clear-groups"),
            *("--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"),
        )
        mounts = [
            'mount -o remount,ro,bind "$root"',
            'mount -t tmpfs -o noexec,nosuid,nodev tmpfs "$root/tmp"',
            f'mount -t tmpfs -o uid={_USER},gid={_USER} tmpfs "$root/data"',
        ]
        return subprocess.Popen(
            self._line((*bounded, *words), environment, mounts),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def _line(
        self, words: Iterable[str], environment: Mapping[str, str], mounts: Iterable[str]
    ) -> tuple[str, ...]:
        """The command in a mount namespace, so that all mounts end with it."""
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
        settings = (f"{name}={value}" for name, value in variables.items())
        return (*unshare, str(self.folder), *settings, *words)


def _pip_settings() -> dict[str, str]:
    """What this machine's pip is set to, by files or variables, and its proxies, as variables."""
    listed = subprocess.run(
        (sys.executable, "-m", "pip", "config", "list"), check=True, capture_output=True, text=True
    )
    found = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    for line in listed.stdout.splitlines():
        key, _, value = line.partition("=")
        scope, _, name = key.rpartition(".")
        if scope in ("global", "install", ":env:"):
            found["PIP_" + name.upper().replace("-", "_")] = value.strip("'\"")
    return found


def _places(values: Iterable[str]) -> list[str]:
    """Files and folders of this machine that are named in settings of pip.

    Of an index by `file://` its files are beside it as a rule, so the folder above is meant.
    """
    places = set()
    for word in " ".join(values).split():
        if word.startswith("file://"):
            places.add(str(Path(unquote(urlsplit(word).path)).parent))
        elif word.startswith("/"):
            places.add(word)
    return sorted(place for place in places if Path(place).exists())
