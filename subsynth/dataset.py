"""Dataset: a directory of shards with its spec, manifest and card: claimed, filled, resumed, finished."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from subsynth import card, figures, licences, materials, png, shards
from subsynth.engines import local
from subsynth.errors import MaterialError, OutputError, SpecError, SubsynthError
from subsynth.shards import Shard
from subsynth.spec import SPLITS, Spec
from subsynth.version import PIXELS, __version__

SCRATCH = ".subsynth-tmp"  # beside data/, never in it: what lies there is read as data
SPEC, MANIFEST, CARD, LICENCES, ASSETS = "spec.yaml", "manifest.json", "README.md", "LICENSES.md", "assets"
BESIDE = (CARD, LICENCES, SPEC, MANIFEST, *(f"{ASSETS}/{name}" for name in figures.NAMES))  # the shards

Entry = dict[str, Any]


@dataclass(frozen=True)
class Written:
    """What `build` did: pairs and bytes in the whole set, pairs rendered now, pairs found finished."""

    pairs: int
    bytes: int
    rendered: int
    found: int


def plan_digest(spec: Spec) -> str:
    """SHA-256, hex, of all that the pixels hang on: spec, materials, and the version of the rendering."""
    return hashlib.sha256(f"{PIXELS} {spec.digest()} {materials.digest(spec)}".encode()).hexdigest()


def build(
    spec: Spec,
    out: Path,
    workers: int,
    overwrite: bool = False,
    begin: Callable[[int, int], None] = lambda _total, _found: None,
    tick: Callable[[int], None] = lambda _rows: None,
) -> Written:
    """Render a whole data set into a directory, going on from whatever shards of it are finished there.

    `begin` is told the number of pairs and how many of them are found finished, `tick` of each group
    rendered. Raises OutputError if the directory holds something else (unless `overwrite`) or cannot be
    written, and SubsynthError as rendering does. An interrupted build leaves whole shards only.
    """
    identity = plan_digest(spec)
    stock = [materials.materials(spec, split) for split in spec.splits]  # what cannot be used is told before writing
    dropped = dict(zip(spec.splits, (m.dropped for m in stock), strict=True))
    todo = shards.shards(spec)
    with _writing(out):
        foreign = _foreign(spec, identity, out, {s.name for s in todo})
        if foreign and not overwrite:
            raise OutputError(f"{out} holds {foreign}; name another --out, or add --overwrite to replace it")
        mine = not foreign or (out / SPEC).exists()
        taken = [] if mine else [p for p in _written(out) if p.exists()]
        if taken:  # what subsynth did not write, it does not delete
            raise OutputError(f"{taken[0]} is not subsynth's and would be lost; move it away or name another --out")
        (out / SCRATCH).mkdir(parents=True, exist_ok=True)
    with _locked(out):
        with _writing(out):
            _claim(spec, identity, out, replace=bool(foreign))
        entries = _finished(out, identity, todo)
        left = [s for s in todo if s.name not in entries]
        total, found = (
            sum(s.stop - s.start for s in group) for group in (todo, [s for s in todo if s.name in entries])
        )
        begin(total, found)
        try:
            for entry in local.run(spec, left, out, out / SCRATCH, workers, tick):
                name = entry["file"].removeprefix("data/")
                entries[name] = entry
                with _writing(out):
                    _write(out / SCRATCH / f"{name}.json", json.dumps({"plan": identity, **entry}))
        except BaseException as error:
            _sweep(out / SCRATCH)
            if isinstance(error, SpecError | MaterialError) and not entries:
                _remove(out)  # a spec that cannot be rendered leaves nothing behind
            raise
        manifest = _manifest(spec, identity, [entries[s.name] for s in todo], dropped)
        with _writing(out):
            (out / ASSETS).mkdir(exist_ok=True)
            figures.draw(spec, [out / entry["file"] for entry in manifest["shards"]], out / SCRATCH)
            for name in figures.NAMES:
                (out / SCRATCH / name).replace(out / ASSETS / name)
            _write(out / LICENCES, licences.licences(spec))
            example = shards.first(out / manifest["shards"][0]["file"])
            _write(out / CARD, card.card(spec, manifest, example))
            _write(out / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    with _writing(out):
        shutil.rmtree(out / SCRATCH)
    size = sum(entry["bytes"] for entry in entries.values())
    return Written(pairs=total, bytes=size, rendered=total - found, found=found)


def _claim(spec: Spec, identity: str, out: Path, replace: bool) -> None:
    """Make the directory ours, rid of what a killed run left unfinished and, if told, of other data of subsynth's."""
    scratch = out / SCRATCH
    if replace:
        for path in [out / SPEC, *(p for p in _written(out) if not p.is_dir()), *_shards_in(out)]:
            path.unlink(missing_ok=True)
        for path in scratch.glob("*.json"):
            path.unlink()
    _sweep(scratch)
    (out / "data").mkdir(exist_ok=True)
    # The spec is there before the first shard, so that whose shards lie there can be told at any moment.
    _write(scratch / "plan", identity)
    if not (out / SPEC).exists():
        _write(out / SPEC, spec.to_yaml())


def _written(out: Path) -> list[Path]:
    """What a build writes besides the spec."""
    return [out / name for name in (MANIFEST, CARD, LICENCES, "data")] + [out / ASSETS / n for n in figures.NAMES]


def _shards_in(out: Path) -> list[Path]:
    """The files in data/ that the card's patterns take for data."""
    return sorted(p for split in SPLITS for p in (out / "data").glob(f"{split}-*.parquet"))


def _sweep(scratch: Path) -> None:
    """Remove what is unfinished: all but the lock, the plan, and the entries of finished shards."""
    for path in scratch.iterdir():
        if path.suffix != ".json" and path.name not in ("plan", "lock"):
            path.unlink(missing_ok=True)


def _remove(out: Path) -> None:
    """Take back what an empty build wrote; the directory too, if nothing else is in it."""
    (out / SPEC).unlink(missing_ok=True)
    shutil.rmtree(out / SCRATCH, ignore_errors=True)
    for folder in (out / "data", out):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _foreign(spec: Spec, identity: str, out: Path, names: set[str]) -> str:
    """What a directory holds that is not of this data set, in words, or nothing."""
    held = sorted(p.name for p in out.iterdir() if p.name != SCRATCH) if out.exists() else []
    if not held:
        return ""
    if SPEC not in held:
        return f"{held[0]!r} and no {SPEC}: it is not a data set of subsynth's"
    try:
        other = Spec.load(out / SPEC)
    except SubsynthError as error:
        return f"a {SPEC} that this version cannot read ({error})"
    if other.digest() != spec.digest():
        return f"the data of another spec ({_difference(other, spec)})"
    for path in _shards_in(out):
        if path.name not in names:
            return f"data/{path.name}, which is not of this data set"
    marked = _recorded(out)
    if marked and marked != identity:
        return "the data of the same spec made from other fonts, pictures or text, or by another version"
    return ""


def _recorded(out: Path) -> str:
    """The plan digest that the directory was begun or finished with, or nothing."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((out / MANIFEST).read_text(encoding="utf-8"))["plan_sha256"])
    with contextlib.suppress(OSError):
        return (out / SCRATCH / "plan").read_text(encoding="utf-8")
    return ""


def _difference(there: Spec, here: Spec) -> str:
    """The first key in which two specs differ."""
    one, two = dataclasses.asdict(there), dataclasses.asdict(here)
    for key, value in one.items():
        pairs = [(key, value, two[key])]
        if dataclasses.is_dataclass(getattr(there, key)):
            pairs = [(f"{key}.{k}", v, two[key][k]) for k, v in value.items()]
        for name, old, new in pairs:
            if old != new:
                return f"{name} is {old} there and {new} here"
    return "they differ"


def _finished(out: Path, identity: str, todo: list[Shard]) -> dict[str, Entry]:
    """The entries of shards that are in their place with the bytes that were written."""
    known: dict[str, Entry] = {}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        manifest = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        if manifest["plan_sha256"] == identity:
            known = {e["file"].removeprefix("data/"): e for e in manifest["shards"]}
    for shard in todo:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            entry = json.loads((out / SCRATCH / f"{shard.name}.json").read_text(encoding="utf-8"))
            if entry.pop("plan") == identity:
                known[shard.name] = entry
    whole = {}
    for name, entry in known.items():
        path = out / "data" / name
        if path.is_file() and path.stat().st_size == entry["bytes"] and shards.file_digest(path) == entry["sha256"]:
            whole[name] = entry
    return whole


def _manifest(spec: Spec, identity: str, entries: list[Entry], dropped: dict[str, int]) -> dict[str, Any]:
    splits = {}
    for split in spec.splits:
        mine = [e for e in entries if e["split"] == split]
        splits[split] = {key: sum(e[key] for e in mine) for key in ("rows", "bytes", "arrow_bytes")}
        joined = "".join(e["content_sha256"] for e in mine)
        splits[split]["content_sha256"] = hashlib.sha256(joined.encode()).hexdigest()
    joined = "".join(splits[s]["content_sha256"] for s in spec.splits)
    return {
        "subsynth": __version__,
        "spec_sha256": spec.digest(),
        "plan_sha256": identity,
        "content_sha256": hashlib.sha256(joined.encode()).hexdigest(),
        "png": png.CODER,
        "image_format": spec.image_format,
        "lines_dropped": dropped,
        "splits": splits,
        "shards": entries,
    }


def _write(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    scratch = (path.parent if path.parent.name == SCRATCH else path.parent / SCRATCH) / f"{path.name}.{os.getpid()}"
    with scratch.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


@contextlib.contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{error.filename or out}: {error.strerror or error}; name an --out that can be written and has room"
        ) from error


@contextlib.contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Hold the directory alone. The lock goes with the process, however that ends."""
    try:
        import fcntl  # noqa: PLC0415 - only on POSIX; elsewhere the directory is not locked
    except ImportError:
        yield
        return
    with _writing(out):
        handle = (out / SCRATCH / "lock").open("w")
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(f"{out}: another render is writing there; wait for it or name another --out") from error
        except OSError:  # a file system without locks
            pass
        yield
