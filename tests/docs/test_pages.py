"""README and pages: length, links, extras, and metadata that repeat what the code says."""

import configparser
import re
from pathlib import Path

import pytest
import yaml

from subsynth import __version__

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "dbram_baseline/README.md")),
    *sorted(p for p in (ROOT / "docs").rglob("*.md") if "_build" not in p.parts),
]
LINK = re.compile(r"\]\(<?([^)\s>]+)>?\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def setup_cfg():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def anchors(page):
    """The anchors that GitHub and MyST give to the headings of a page."""
    headings = HEADING.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_readme_has_at_most_1000_words():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 1000


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page):
    for link in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{link}: there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_extras_exist(page):
    named = {e for group in re.findall(r"\.\[([\w,]+)\]'", page.read_text(encoding="utf-8")) for e in group.split(",")}
    assert named <= set(setup_cfg()["options.extras_require"])


def test_files_that_pages_name_exist():
    for page in PAGES:
        for name in re.findall(r"(?:benchmarks|tests)/[\w/]+\.py", page.read_text(encoding="utf-8")):
            assert (ROOT / name).is_file(), f"{page.name} names {name}"


def test_ci_finds_the_test_command_of_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^pip install .*&& pytest$", text, re.MULTILINE) == [
        "pip install -c constraints.txt -e '.[test]' && pytest"
    ]
    assert text.index("pip install . && subsynth render --lang en --n 1000") < text.index("&& pytest")


def test_citation_has_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __version__
    assert citation["authors"] == [{"name": setup_cfg()["metadata"]["author"]}]
    assert citation["repository-code"] == setup_cfg()["metadata"]["url"]


def test_the_changelog_starts_with_this_version():
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").split("\n### ")[0]
