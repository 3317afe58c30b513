"""Data sets of a stranger: every file of them is data, and nothing that they hold crashes, hangs or fills memory."""

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from subsynth import OutputError, Spec, SpecError, sub_en
from subsynth.build.build import build_dataset, merge_ranks
from subsynth.build.engines import find_engine
from subsynth.format import schema
from subsynth.format.content_digest import ContentDigest
from subsynth.format.image_header import image_size
from subsynth.format.shard_list import ShardLayout, list_shards
from subsynth.format.stored_pairs import decode_pair
from subsynth.format.stored_rows import image_files
from subsynth.report.contact_sheet import read_samples
from subsynth.verify import verify

N = 14
SHARD = "train-00000-of-00001.parquet"
FUZZ = int(os.environ.get("FUZZ", "1"))
SCHEMA = schema.arrow_schema(schema.columns_of(sub_en()))


def small_spec(n=N, **text):
    spec = sub_en(n=n, n_test=3)
    return dataclasses.replace(
        spec,
        fonts=dataclasses.replace(spec.fonts, families=("Arimo", "Kalam"), unseen_families=()),
        background=dataclasses.replace(spec.background, p_procedural=1.0),
        text=dataclasses.replace(spec.text, **text),
    )


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    out = tmp_path_factory.mktemp("sound") / "set"
    build_dataset(small_spec(), out, workers=1)
    return out


@pytest.fixture
def copy(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "set")


def make_agree(directory, name=SHARD):
    """Give the manifest and the card the sizes and digests of a shard that was changed, as an attacker would."""
    path = directory / "data" / name
    text = (directory / "manifest.json").read_text()
    manifest = json.loads(text)
    record = next(r for r in manifest["shards"] if r["file"] == f"data/{name}")
    record |= {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    table = pq.read_table(path)
    content = ContentDigest(tuple(table.column_names))
    with contextlib.suppress(Exception):  # values that cannot be digested
        for files in image_files(table):
            content.add_pixels(*decode_pair(files, None).pixels.values())
        content.add_columns(table)
        record["content_sha256"] = content.hexdigest()
    for split, totals in manifest["splits"].items():
        shards = [r for r in manifest["shards"] if r["split"] == split]
        totals["bytes"] = sum(r["bytes"] for r in shards)
        digests = "".join(r["content_sha256"] for r in shards)
        totals["content_sha256"] = hashlib.sha256(digests.encode()).hexdigest()
    digests = "".join(totals["content_sha256"] for totals in manifest["splits"].values())
    before, manifest["content_sha256"] = manifest["content_sha256"], hashlib.sha256(digests.encode()).hexdigest()
    (directory / "manifest.json").write_text(json.dumps(manifest))
    card = (directory / "README.md").read_text()
    (directory / "README.md").write_text(card.replace(before, manifest["content_sha256"]))


def rewrite(directory, change):
    """Change the rows of the shard of train, and make all digests agree."""
    path = directory / "data" / SHARD
    rows = pq.read_table(path).to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
    make_agree(directory)


def violations_of_rows(directory):
    """The violations of the shard of train by row; those of the file as a whole are under -1."""
    by_row = {}
    for shard, row, what in verify(directory).violations:
        assert len(what) < 700 and "\n" not in what
        if shard == SHARD:
            by_row.setdefault(row, []).append(what)
    return by_row


HOSTILE = [
    ("jpeg_dx", -16), ("background_x", 10**9), ("background_y", 600), ("blur_sigma", 1e9), ("outline_px", 1e6),
    ("resample", 1e-6), ("font_size_px", float("nan")), ("contrast", None), ("text", None), ("text_color", [1, 2]),
    ("noise_offset", -1), ("shadow_blur_px", 10**6), ("index", None), ("x", float("inf")),
]  # fmt: skip


def test_hostile_values_whose_digests_agree_are_violations_of_their_rows(copy):
    def change(rows):
        for row, (column, value) in zip(rows, HOSTILE, strict=True):
            row[column] = value

    rewrite(copy, change)
    by_row = violations_of_rows(copy)
    for number, (column, _) in enumerate(HOSTILE):
        assert any(column in what for what in by_row[number]), (column, by_row.get(number))


@pytest.mark.parametrize("number", [2, 3])  # values that every column may have: only the plan says that they are wrong
def test_one_hostile_row_is_found_without_drawing_every_row(copy, number):
    def change(rows):
        rows[number]["background_x" if number == 2 else "noise_offset"] += 1

    rewrite(copy, change)
    assert set(violations_of_rows(copy)) == {number}


def test_what_expands_to_far_more_than_the_file_is_not_decoded(copy):
    path = copy / "data" / SHARD
    table = pq.read_table(path)
    pq.write_table(table, path, compression={"text": "gzip", "index": "snappy"})
    make_agree(copy)
    assert any("text is compressed with GZIP" in what for what in violations_of_rows(copy)[-1])
    rows = table.to_pylist()
    rows[3]["text_color"] = [0] * 10_000  # a few bytes in the file
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
    make_agree(copy)
    assert any("text_color.list.element has 10,039 values in 14 rows" in w for w in violations_of_rows(copy)[-1])


def test_a_page_that_asks_for_2_gib_is_a_violation(copy):
    """Its header gives that as the size of its 700 bytes; with and without so much memory."""
    path = copy / "data" / SHARD
    pq.write_table(pq.read_table(path), path, use_dictionary=False)
    group = pq.ParquetFile(path).metadata.row_group(0)
    column = next(c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == "text")
    content, at = path.read_bytes(), column.data_page_offset + 3  # after its type, and the type of its size
    low = column.statistics.min.encode()
    minimum = content.index(bytes([0x18, len(low)]) + low, at)
    # The size grows from two bytes to five; the smallest text gives them up.
    size, rest = b"\xfe\xff\xff\xff\x0f", content[at + 2 : minimum]
    shorter = bytes([0x18, len(low) - 3]) + low[3:]
    path.write_bytes(content[:at] + size + rest + shorter + content[minimum + 2 + len(low) :])
    assert path.stat().st_size == len(content)
    code = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from subsynth.format.stored_rows import open_shard, read_batches\n"
        "from subsynth.verification.findings import READ_ERRORS\n"
        "pages = int(Path('/proc/self/statm').read_text().split()[0])\n"
        "limit = pages * resource.getpagesize() + (1 << 30)\n"
        "if sys.argv[2] == 'limited': resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "try: list(read_batches(open_shard(Path(sys.argv[1]), None)))\n"
        "except READ_ERRORS as error: print(error)"
    )
    for how, message in (("limited", "malloc of size 2147483"), ("free", "didn't decompress to expected size")):
        env = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system"}
        line = [sys.executable, "-c", code, str(path), how]
        process = subprocess.run(line, env=env, capture_output=True, text=True, check=True)
        assert message in process.stdout, process.stdout


NUMBERS = [field.name for field in SCHEMA if not pa.types.is_nested(field.type)]


@settings(max_examples=4 * FUZZ, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_values_are_violations_and_never_a_crash(sound, tmp_path, data):
    shutil.rmtree(tmp_path / "set", ignore_errors=True)
    directory = shutil.copytree(sound, tmp_path / "set")
    changed = set()

    def change(rows):
        for number, row in enumerate(rows):
            field = SCHEMA.field(data.draw(st.sampled_from(NUMBERS)))
            before = row[field.name]
            row[field.name] = data.draw(st.none() | values_of(field.type))
            if repr(row[field.name]) != repr(before):
                changed.add(number)

    rewrite(directory, change)
    assert changed <= set(violations_of_rows(directory))


def values_of(kind):
    if pa.types.is_integer(kind):
        return st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-1, 0, 2**31, 2**62])
    if pa.types.is_floating(kind):
        return st.floats() | st.sampled_from([1e-300, 1e300, -0.5])
    return st.booleans() if pa.types.is_boolean(kind) else st.text(max_size=300)


def png_of(height, width, dtype=np.uint8):
    return cv2.imencode(".png", np.zeros((height, width), dtype))[1].tobytes()


def test_images_are_decoded_only_if_their_headers_have_the_size_of_the_spec(copy):
    bomb = png_of(20_000, 20_000)
    files = [
        ("image", bomb), ("ground_truth", bomb), ("image", None), ("image", b""), ("image", b"GIF89a" + b"\0" * 50),
        ("ground_truth", cv2.imencode(".jpg", np.zeros((32, 280), np.uint8))[1].tobytes()),
        ("ground_truth", png_of(32, 280, np.uint16)), ("image", cv2.imencode(".bmp", np.zeros((32, 280)))[1].tobytes()),
        ("image", bomb[:30]), ("ground_truth", png_of(31, 280)),
    ]  # fmt: skip

    def change(rows):
        for row, (name, file) in zip(rows, files, strict=False):
            row[name]["bytes"] = file

    rewrite(copy, change)
    by_row = violations_of_rows(copy)
    assert set(range(len(files))) <= set(by_row)
    assert any("(20000, 20000)" in what for what in by_row[0])


def test_the_size_is_read_from_every_header():
    for suffix in (".png", ".jpg"):
        assert image_size(cv2.imencode(suffix, np.zeros((37, 211, 3), np.uint8))[1].tobytes()) == (37, 211)
    progressive = cv2.imencode(".jpg", np.zeros((37, 211, 3), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1]
    assert image_size(progressive.tobytes()) == (37, 211)


@pytest.mark.parametrize("file", [None, b"", b"x", png_of(20_000, 20_000)])
def test_a_preview_decodes_no_bomb(copy, file):
    rewrite(copy, lambda rows: rows[0]["image"].update(bytes=file))
    with pytest.raises(OutputError, match="its shards cannot be read"):
        read_samples(copy, "train", N)


@given(st.binary(max_size=64), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"\xff\xd8\xff\xe0"]))
def test_any_header_is_read(content, start):
    size = image_size(start + content)
    assert size is None or len(size) == 2


def test_text_that_is_not_utf8_or_too_long(copy):
    path = copy / "data" / SHARD
    table = pq.read_table(path)
    texts = [b"\xff\xfe", b"x" * 3_000_000, *(text.encode() for text in table.column("text").to_pylist()[2:])]
    array = pa.array(texts, pa.binary()).view(pa.string())
    table = table.set_column(table.schema.get_field_index("text"), table.schema.field("text"), array)
    pq.write_table(table, path)
    make_agree(copy)
    by_row = violations_of_rows(copy)
    assert any("not UTF-8" in what for what in by_row[0]) and any("3,000,000 bytes" in what for what in by_row[1])


def changed(**values):
    return lambda manifest: manifest | values


def in_record(**values):
    return lambda manifest: manifest | {"shards": [manifest["shards"][0] | values, *manifest["shards"][1:]]}


@pytest.mark.parametrize(
    "change",
    [
        changed(splits=None), changed(splits=[1]), changed(shards={"a": 1}), changed(spec_sha256=5),
        changed(subsynth=[]),
        changed(lines_dropped={"train": float("nan")}), changed(lines_dropped={"x" * 300: 1}), changed(png="x" * 300),
        changed(splits={"train": {"rows": 0, "bytes": 1, "arrow_bytes": 1, "content_sha256": "a" * 64}}),
        in_record(rows=None), in_record(rows=[4]), in_record(rows=-1), in_record(rows=10**30), in_record(rows=True),
        in_record(rows=1.5), in_record(sha256="A" * 300), in_record(file="../../etc/passwd"), in_record(file="data/"),
        in_record(file=".github/workflows/x.parquet"), in_record(file=f"data/{'9' * 300}.parquet"),
        in_record(split="x" * 300), in_record(split="test"), in_record(file="data/test-00000-of-00001.parquet"),
        lambda manifest: manifest | {"shards": manifest["shards"] * 2}, lambda manifest: [manifest], lambda manifest: 7,
    ],
)  # fmt: skip
def test_a_manifest_that_is_none_is_one_line(copy, change):
    path = copy / "manifest.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(OutputError, match=r"manifest\.json: not a manifest that can be read") as caught:
        verify(copy)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


TEXTS = {
    "deep": b"[" * 1_000_000, "not UTF-8": b"{\"a\": \"\xff\"}", "empty": b"", "twice": b'{"a": 1, "a": 2}',
    "NaN": b'{"subsynth": NaN}', "digits": b"9" * 100_000, "surrogate": b'"\\ud800"', "NUL": b"\0" * 100,
}  # fmt: skip


def replace(path, how):
    """Put something else in the place of a file."""
    path.unlink()
    if how == "folder":
        path.mkdir()
    elif how == "fifo":
        os.mkfifo(path)
    elif how == "device":
        path.symlink_to("/dev/zero")
    elif how == "dangling link":
        path.symlink_to("nowhere")
    elif how == "huge":
        path.touch()
        os.truncate(path, 65 << 20)
    elif how != "nothing":
        path.write_bytes(TEXTS[how])


PLACES = ["folder", "fifo", "device", "dangling link", "huge", "nothing"]


@pytest.mark.parametrize("how", [*PLACES, *TEXTS])
def test_what_is_in_the_place_of_a_manifest_is_one_line(copy, how):
    replace(copy / "manifest.json", how)
    with pytest.raises(OutputError, match=r"manifest\.json") as caught:
        verify(copy)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


ALIASES = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
SPECS = {
    "aliases": ALIASES, "itself": "text: &a [*a]", "twice": "lang: en\nlang: zh", "deep": "a: " + "[" * 100_000,
    "number": "n: " + "9" * 100_000, "sexagesimal": "n: " + "1:" * 100_000 + "1", "list": "n: [1]", "null": "n:",
    "long": f"lang: {'x' * 100_000}", "key": f"{'k' * 100_000}: 1", "python": "n: !!python/object/apply:os.getcwd []",
}  # fmt: skip


@pytest.mark.parametrize("name", SPECS)
def test_hostile_specs_are_one_short_line(name):
    started = time.monotonic()
    with pytest.raises(SpecError) as caught:
        Spec.from_yaml(SPECS[name])
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    assert time.monotonic() - started < 5


def test_aliases_of_a_persons_spec_are_read():
    spec = Spec.from_yaml("background: {saturation_range: &range [0.5, 1], gain_range: *range}\n")
    assert spec.background.saturation_range == spec.background.gain_range == (0.5, 1.0)


@pytest.mark.parametrize("how", [*PLACES, "not UTF-8", "aliases", "another"])
def test_a_damaged_spec_is_one_violation_and_the_rest_is_checked(copy, how):
    path = copy / "spec.yaml"
    if how == "aliases":
        path.write_text(ALIASES)
    elif how == "another":
        path.write_text(path.read_text().replace("seed: 0", "seed: 1"))
    else:
        replace(path, how)
    report = verify(copy)
    assert [v.shard for v in report.violations] == ["spec.yaml"], report.violations
    assert report.rows == N + 6
    shard = copy / "data" / SHARD
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    assert {v.shard for v in verify(copy).violations} == {"spec.yaml", SHARD}


@pytest.mark.parametrize("name", ["README.md", "LICENSES.md", "assets/contact-sheet.png", f"data/{SHARD}"])
@pytest.mark.parametrize("how", ["folder", "fifo", "device", "dangling link"])
def test_special_files_are_one_violation(copy, name, how):
    replace(copy / name, how)
    found = [v for v in verify(copy).violations if v.what in ("is not a regular file", "is missing")]
    assert [v.shard for v in found] == [name.removeprefix("data/")]


def test_a_card_with_aliases(copy):
    (copy / "README.md").write_text(f"---\n{ALIASES}\n---\n")
    assert [(v.shard, v.row) for v in verify(copy).violations] == [("README.md", -1)]


def test_totals_that_are_not_those_of_the_shards(copy):
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["splits"]["train"]["bytes"] += 1
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert [v.what for v in verify(copy).violations] == ["its totals of train are not those of its shards"]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A set of a user's own text, whose relative path leads to it only from the folder where it was rendered."""
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    Path("own.txt").write_text("".join(f"Line number {i} of it\n" for i in range(60)))
    build_dataset(small_spec(files=("own.txt",)), tmp_path / "set", workers=1)
    return tmp_path / "set"


def test_a_users_files_are_opened_only_if_trusted_and_said_to_be_missing_or_changed(elsewhere, monkeypatch):
    """Each is said once, it is no violation, and everything else is checked."""
    assert verify(elsewhere, trust_paths=True).not_checked == ""
    untrusted = verify(elsewhere)
    assert untrusted.violations == () and untrusted.rendered == 0 and untrusted.rows == N + 6
    assert "own.txt" in untrusted.not_checked and "--trust-paths" in untrusted.not_checked
    Path("own.txt").write_text(Path("own.txt").read_text() + "One more\n")
    changed = verify(elsewhere, trust_paths=True)
    assert changed.violations == () and "pictures or films have changed" in changed.not_checked
    monkeypatch.chdir("/")
    missing = verify(elsewhere, trust_paths=True)
    assert missing.violations == () and "own.txt" in missing.not_checked
    shard = elsewhere / "data" / SHARD
    shard.write_bytes(shard.read_bytes()[:-1])
    assert {v.shard for v in verify(elsewhere).violations} == {SHARD}


def test_a_fifo_that_a_spec_names_is_not_opened(elsewhere, tmp_path):
    Path("own.txt").unlink()
    os.mkfifo("own.txt")
    assert verify(elsewhere).violations == ()
    assert "own.txt" in verify(elsewhere, trust_paths=True).not_checked
    with pytest.raises(OutputError, match="--trust-paths"):
        merge_ranks(elsewhere)


def test_verify_from_another_folder(tmp_path, run):
    """The example of the kind, with the command."""
    (tmp_path / "en.txt").write_text("".join(f"This is line {i}\n" for i in range(40)))
    (tmp_path / "spec.yaml").write_text(
        "lang: en\ntext: {files: [en.txt]}\nfonts: {families: [Arimo], unseen_families: []}\n"
        "background: {p_procedural: 1.0}\n"
    )
    result = run("render", "--spec", "spec.yaml", "--n", 8, "--n-test", 2, "--workers", 1, "--out", "set")
    assert result.code == 0, result.err
    result = run("verify", tmp_path / "set", "--trust-paths", cwd="/")
    assert result.code == 0 and result.out.count("not checked") == 1 and "no violations" in result.out, result.out


def flip_after_rendering(position):
    """An engine that flips one byte of the shard of train after all shards are rendered."""

    def run(job, shards, workers, progress):
        yield from find_engine("local")(job, shards, workers, progress)
        path = Path(job.address) / "data" / SHARD
        content = bytearray(path.read_bytes())
        content[int(position * (len(content) - 1))] ^= 0x10
        path.write_bytes(content)

    return run


@pytest.mark.parametrize("position", [0.0, 0.3, 0.6, 0.9, 0.97, 1.0])
def test_a_byte_flipped_while_the_set_is_finished_is_found_by_the_run(tmp_path, position):
    with pytest.raises(OutputError, match="damaged since") as caught:
        build_dataset(small_spec(), tmp_path / "set", workers=1, engine=flip_after_rendering(position))
    assert SHARD in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "set/manifest.json").exists()
    result = build_dataset(small_spec(), tmp_path / "set", workers=1)
    assert result.rendered == N


@pytest.mark.parametrize("how", ["fifo", "device", "folder", "huge"])
def test_rendering_into_a_folder_with_a_special_spec(tmp_path, how):
    (tmp_path / "set").mkdir()
    (tmp_path / "set/spec.yaml").touch()
    replace(tmp_path / "set/spec.yaml", how)
    with pytest.raises(OutputError, match=r"spec\.yaml") as caught:
        build_dataset(small_spec(), tmp_path / "set", workers=1)
    assert "\n" not in str(caught.value)


def test_a_link_that_leads_nowhere_does_not_hide_the_other_files(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set/a").symlink_to("nowhere")
    (tmp_path / "set/thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="not a data set"):
        build_dataset(small_spec(), tmp_path / "set", workers=1)


def test_records_of_a_stranger_do_not_count(tmp_path):
    """Anything in the place of a record is as none: the shard is rendered again."""
    out = tmp_path / "set"
    build_dataset(small_spec(), out, workers=1, rank=(0, 1))
    record = out / ".subsynth-tmp" / f"{SHARD}.json"
    for content in (b"[" * 100_000, b"\xff", b"[]", b"null", b'{"plan": []}', b"x" * 10**6):
        record.write_bytes(content)
        assert build_dataset(small_spec(), out, workers=1, rank=(0, 1)).rendered == N


def test_the_list_of_shards_is_lazy():
    shards = list_shards(small_spec(n=10**12))
    assert len(shards) > 5 * 10**7 and shards[3::1000].total_rows > 10**8
    assert shards[-1].stop == 3 and shards.find(shards[10**7].name) == shards[10**7]


@pytest.mark.parametrize("step", [1, 2, 5])
def test_slices_are_those_of_the_list(step):
    shards = list_shards(small_spec(n=105), ShardLayout(rows=10))
    full = list(shards)
    for start in range(len(full)):
        part = shards[start::step]
        assert list(part) == full[start::step] and part.total_rows == sum(shard.rows for shard in full[start::step])
        assert [part.find(shard.name) for shard in full] == [s if s in full[start::step] else None for s in full]
    assert [list(shards.of_split(split)) for split in ("train", "test")] == [full[:11], full[11:12]]
    assert shards.find("train-00000-of-00012.parquet") is shards.find("x") is None


def test_a_spec_of_a_trillion_starts_at_once_and_can_be_stopped(tmp_path):
    (tmp_path / "spec.yaml").write_text(small_spec(n=10**12).to_yaml())
    process = subprocess.Popen(
        [sys.executable, "-m", "subsynth", "render", "--spec", "spec.yaml", "--out", "set", "--workers", "1"],
        cwd=tmp_path, env=os.environ | {"SUBSYNTH_KERNELS": "numpy"}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    scratch = tmp_path / "set/.subsynth-tmp"
    while not (scratch.is_dir() and any(scratch.glob("train-*"))):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert "resume" in process.communicate(timeout=30)[1] and process.returncode == 130
