"""Everything that is downloaded: from a local mirror first, else from its origin, checked."""

from __future__ import annotations

import csv
import gzip
import hashlib
import http.client
import importlib.util
import os
import time
import urllib.error
import urllib.request
import zlib
from dataclasses import dataclass
from pathlib import Path

from neuronio.errors import NeuronIOError
from neuronio.files import write_atomic
from neuronio.native import cache_dir

SOURCES = Path(__file__).with_name("sources.tsv")
ATTEMPTS = 3
TIMEOUT_S = 30


@dataclass(frozen=True)
class Source:
    """A row of sources.tsv.

    Attributes:
        name: path in a mirror and in the cache.
        url: of the origin; a file that is packed there (.gz) and not by its name is unpacked.
            "package:" is a file of an installed package; "mirror:" goes before the address of what
            cannot be had as this file.
        sha256: of the file as it is or with CRLF turned into LF.
        md5: in its place, where a publisher gives no other.
    """

    name: str
    url: str
    sha256: str
    licence: str
    note: str
    md5: str | None = None

    @property
    def checksum(self) -> str:
        """The checksum with its kind."""
        return f"sha256 {self.sha256}" if self.sha256 else f"md5 {self.md5}"


def named(name: str) -> list[str]:
    """What a name means: itself, or all that is in a folder of that name, such as "shd"."""
    inside = [source for source in sources() if source.startswith(f"{name}/")]
    return inside if inside and name not in sources() else [name]


def sources() -> dict[str, Source]:
    """Everything that can be fetched, by name."""
    with SOURCES.open(newline="") as file:
        return {row["name"]: Source(**row) for row in csv.DictReader(file, delimiter="\t")}


def fetch(name: str) -> Path:
    """A local path of the file, with its checksum verified.

    >>> neuronio.fetch("C060114A7.asc").name
    'C060114A7.asc'

    Looked for in `$NEURONIO_MIRROR`, in an installed package when its source is one, in the
    cache, and at its origin, in this order.

    Raises:
        NeuronIOError: the name is unknown, a copy is damaged, or no place has it.
    """
    known = sources()
    if name not in known:
        raise NeuronIOError(f"nothing called {name} is in {SOURCES.name}, only {', '.join(known)}")
    source = known[name]
    mirror = os.environ.get("NEURONIO_MIRROR")
    if mirror and (path := Path(mirror) / name).is_file():
        return _checked(path, source, f"the mirror's copy {path}")
    if mirror and not Path(mirror).is_dir():
        raise NeuronIOError(f"NEURONIO_MIRROR names the folder {mirror}, which is not there")
    if source.url.startswith("mirror:"):
        raise NeuronIOError(
            f"{name} is in no mirror: put it into a folder as {name} and set NEURONIO_MIRROR to "
            f"that folder; its content is that of {source.url.removeprefix('mirror:')}"
        )
    if source.url.startswith("package:"):
        return _checked(_packaged(source), source, f"the packaged copy of {name}")
    cached = cache_dir() / "downloads" / name
    if not cached.is_file() or not _matches(cached.read_bytes(), source):
        packed = Path(mirror) / f"{name}.gz" if mirror else None
        if packed and packed.is_file():
            _unpack(packed, source, cached)
        else:
            _download(source, cached)
    return cached


def _unpack(packed: Path, source: Source, target: Path) -> None:
    try:
        content = gzip.decompress(packed.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise NeuronIOError(
            f"the mirror's copy {packed} is damaged ({error}); replace it"
        ) from error
    if not _matches(content, source):
        raise NeuronIOError(f"the mirror's copy {packed} has another content; replace it")
    write_atomic(target, content)


def refuse_shadow(name: str, folder: str | Path) -> None:
    """Refuse to take a name of sources.tsv where a folder of the user's has another such file.

    Raises:
        NeuronIOError: the folder holds a file of that name with other content.
    """
    path = Path(folder) / name
    if path.is_file() and not _matches(path.read_bytes(), sources()[name]):
        raise NeuronIOError(
            f"{name} means the file of {SOURCES.name}, but {path.resolve()} has other content; "
            f"write ./{name} for your own, or rename it"
        )


def _checked(path: Path, source: Source, what: str) -> Path:
    content = path.read_bytes()
    if not _matches(content, source):
        kind, wanted = source.checksum.split()
        raise NeuronIOError(
            f"{what} has {kind} {hashlib.new(kind, content).hexdigest()[:12]}... instead of "
            f"{wanted[:12]}...; replace it"
        )
    return path


def _matches(content: bytes, source: Source) -> bool:
    kind, wanted = source.checksum.split()
    if hashlib.new(kind, content).hexdigest() == wanted:
        return True
    return hashlib.new(kind, content.replace(b"\r\n", b"\n")).hexdigest() == wanted


def _packaged(source: Source) -> Path:
    package, _, inside = source.url.removeprefix("package:").partition("/")
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    path = Path(folders[0]) / inside if folders else None
    if path is None or not path.is_file():
        raise NeuronIOError(
            f"{source.name} comes with the Python package {package}, which is "
            f"{'too different a version' if spec else 'not installed'}; "
            "install the locked requirements"
        )
    return path


def _download(source: Source, target: Path) -> None:
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(2**attempt)
        try:
            with urllib.request.urlopen(source.url, timeout=TIMEOUT_S) as response:
                content = response.read()
            if source.url.endswith(".gz") and not source.name.endswith(".gz"):
                content = gzip.decompress(content)
        except (OSError, http.client.HTTPException, EOFError, zlib.error) as error:
            reason = str(getattr(error, "reason", error))
            continue
        if _matches(content, source):
            write_atomic(target, content)
            return
        reason = "what came had the wrong checksum"
    raise NeuronIOError(
        f"cannot fetch {source.name} from {source.url} after {ATTEMPTS} attempts ({reason}); put "
        f"it into a folder as {source.name} and set NEURONIO_MIRROR to that folder"
    )
