"""Every bash and python block of the README and of the pages in docs/ is run, in order, one directory for each page.

SMALLER reduces the sizes. `pip install` is not executed: its extras are checked in test_pages.py, and the rest of the
line is run. A block that needs something that a test does not have is marked in the page by `<!-- not run: reason -->`
and listed in NOT_RUN; any other block that does not run is a failure.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(p for p in (ROOT / "docs").rglob("*.md") if "_build" not in p.parts)]
FENCE = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]+) -->\n)?^(?P<ticks>```+)(?P<language>\S*)[^\n]*\n(?P<code>.*?)^(?P=ticks)$",
    re.MULTILINE | re.DOTALL,
)
# Languages that are only shown; anything else, such as a block without a language, is an error.
SHOWN = {"yaml", "json", "text", "bibtex", "{toctree}", "{eval-rst}", "{include}"}

MAX_PAIRS = 60
SMALLER = (
    (r"(?<=--n )\d+", lambda match: str(min(int(match[0]), MAX_PAIRS))),
    (r"(?<=n=)\d[\d_]+", lambda match: str(min(int(match[0].replace("_", "")), MAX_PAIRS))),
    (r"(?<=\"train\", 0, )1000", "20"),  # pairs that are rendered in Python
    (r"range\(100\)", "range(2)"),  # epochs
    (r"num_workers=8", "num_workers=2"),
    # Training without a preset takes minutes.
    (r"(dbram_baseline\.train --data sub_en --out runs/first)$", r"\1 --preset ci"),
    (r"--preset ci", "--preset ci --steps 8"),  # of 40
    (r"^pytest$", ""),  # it is what is running
)
# (page, first line of the block, reason)
NOT_RUN = {
    ("docs/guides/hub.md", "hf auth login", "needs an account of the hub"),
    ("docs/guides/scale.md", "subsynth render --lang zh --n 100000000", "renders 10^8 pairs into a bucket"),
    ("docs/guides/scale.md", "from datasets import load_dataset", "reads from a bucket"),
    ("docs/guides/film.md", "subsynth render --lang zh --preset film --video", "needs films"),
    ("docs/model.md", "pip install -c constraints.txt '.[dbram,export]'", "trains for six hours"),
    ("README.md", "subsynth binarize film.mkv", "needs a film"),
    ("docs/guides/languages.md", "subsynth render --lang ko --text film.srt", "needs a subtitle file"),
    ("docs/guides/your-own-material.md", "subsynth render --text lines.txt --video", "needs films"),
}


class Block(NamedTuple):
    page: str
    language: str
    code: str
    reason: str | None


def blocks_of(page):
    """The code blocks of a page, in order."""
    name = str(page.relative_to(ROOT))
    for match in FENCE.finditer(page.read_text(encoding="utf-8")):
        yield Block(name, match["language"], match["code"], match["reason"])


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
RUN_PAGES = sorted({b.page for b in BLOCKS if b.language in {"bash", "python"} and not b.reason})


def without_pip(code):
    """Bash code without `pip install ... &&` and without lines that do nothing else."""
    return re.sub(r"^pip install [^&\n]*(&& )?", "", code, flags=re.MULTILINE)


def smaller(code):
    for pattern, replacement in SMALLER:
        code = re.sub(pattern, replacement, code, flags=re.MULTILINE)
    return code


def run(block, folder):
    """Run a block in a folder, as a reader does who pastes it."""
    code = smaller(without_pip(block.code) if block.language == "bash" else block.code)
    if not code.strip():
        return
    if block.language == "bash":
        command = ["bash", "-euo", "pipefail", "-c", code]
    else:
        script = folder / "block.py"
        script.write_text(code, encoding="utf-8")
        command = [sys.executable, script.name]
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = os.environ | {"HF_HOME": str(folder / ".hf"), "OMP_NUM_THREADS": "1", "PATH": tools, "PYTHONUTF8": "1"}
    process = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=600)
    assert process.returncode == 0, f"{block.page}:\n{code}\n{process.stdout[-2000:]}\n{process.stderr[-4000:]}"


def test_every_block_is_run_or_only_shown():
    assert {b.language for b in BLOCKS} <= SHOWN | {"bash", "python"}
    fences = {str(p.relative_to(ROOT)): len(re.findall("^ *```", p.read_text(encoding="utf-8"), re.M)) for p in PAGES}
    for page, count in fences.items():
        assert count == 2 * sum(b.page == page for b in BLOCKS), f"{page}: a block that is not recognized"


def test_the_blocks_that_are_not_run_are_these():
    marked = [b for b in BLOCKS if b.reason]
    listed = [(page, line, reason) for b in marked for page, line, reason in NOT_RUN
              if b.page == page and b.reason == reason and b.code.startswith(line)]  # fmt: skip
    assert len(listed) == len(marked)
    assert set(listed) == NOT_RUN


def test_the_readme_and_the_tutorial_are_run():
    assert {"README.md", "docs/tutorial.md"} <= set(RUN_PAGES)


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN_PAGES)
def test_blocks_run(page, tmp_path):
    for block in BLOCKS:
        if block.page == page and block.language in {"bash", "python"} and not block.reason:
            run(block, tmp_path)
