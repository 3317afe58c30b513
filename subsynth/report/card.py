"""The card: README.md of a data set, with the YAML front matter that the hub and `datasets` read.

Its text is card_template.md.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Any

import yaml

from subsynth.assets import licences
from subsynth.core import markdown
from subsynth.core.documents import parse_json, parse_yaml
from subsynth.core.errors import OutputError
from subsynth.core.terminal import one_line
from subsynth.data.languages import LANGUAGES
from subsynth.format import schema
from subsynth.format.manifest import Manifest
from subsynth.spec import presets
from subsynth.spec.spec import Spec

SCORES = "scores.json"  # beside the card, if models were scored on the set

_SIZE_CATEGORIES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_CONTENT = {
    "sub": "each with one line of subtitle text over a photograph or a procedural scene",
    "film": (
        "as bands of video: none, one or two lines of subtitle text over a picture, in which there may also be signs, "
        "watermarks and other text that is not a subtitle"
    ),
}
_DIGEST_DIGITS = 16  # of a SHA-256, where the text quotes it


def card(spec: Spec, manifest: Manifest, example_row: Mapping[str, object]) -> str:
    """The card of a data set; `example_row` is the first row of train."""
    template = Template((files("subsynth.report") / "card_template.md").read_text(encoding="utf-8"))
    return template.substitute(
        front_matter=_front_matter(spec, manifest),
        name=spec.name,
        language=LANGUAGES[spec.lang].name,
        content=_CONTENT[spec.preset],
        more_labels=_more_labels(spec),
        height=spec.height,
        width=spec.width,
        pairs=f"{manifest.total_rows:,}",
        generator=f"subsynth {manifest.version}",
        licence_summary="CC BY 4.0" if licences.is_all_bundled(spec) else "licence to be stated by its creator",
        licence=licences.set_licence(spec, "in `LICENSES.md`"),
        splits=_split_rows(manifest),
        columns=_column_rows(spec, example_row),
        command=command(spec),
        seed=spec.seed,
        text_worth=_text_worth(spec),
        spec_digest=manifest.spec_sha256[:_DIGEST_DIGITS],
        content_digest=manifest.content_sha256[:_DIGEST_DIGITS],
        min_stroke=f"{spec.fonts.min_stroke_px:g}",
    )


@dataclass(frozen=True)
class DatasetInfo:
    """What the front matter of a card says of the data: its description, with the content digest, and rows by split."""

    description: str
    rows: Mapping[str, int]


def dataset_info(text: str) -> DatasetInfo:
    """Read the front matter of a card. Raises OutputError if it does not describe a data set."""
    values = front_matter(text)
    try:
        info = values["dataset_info"]
        rows = {split["name"]: split["num_examples"] for split in info["splits"]}
        return DatasetInfo(str(info["description"]), rows)
    except (KeyError, TypeError) as error:
        raise OutputError(f"the card's YAML cannot be read: no usable dataset_info ({error!r})") from error


def front_matter(text: str) -> dict[str, Any]:
    """The parsed YAML front matter of a card. Raises OutputError if it is missing or cannot be parsed."""
    match = re.match(r"---\n(.*?\n)---\n", text, re.DOTALL)
    try:
        values = parse_yaml(match[1]) if match else None
    except ValueError as error:
        raise OutputError(f"the card's YAML cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise OutputError("the card has no YAML front matter")
    return values


def completed(text: str, repo: str, scores: str = "") -> str:
    """A card as it is published: its snippets load `repo`, and `scores`, the text of SCORES, becomes a table.

    Raises OutputError if the scores are not of the form {"command", "split", "rows": [{"method", ...}]}.
    """
    text = re.sub(r'load_dataset\("[^"]*"', lambda _: f"load_dataset({json.dumps(repo)}", text)
    if not scores:
        return text
    try:
        values = parse_json(scores)
        section = _baselines(values if isinstance(values, dict) else {})
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        reason = one_line(repr(error), 200)
        raise OutputError(f"{SCORES}: not scores that can be read ({reason}); score again, or remove it") from error
    text = re.sub(r"^## Baselines\n.*?(?=^## )", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"^(?=## Intended use)", lambda _: section, text, count=1, flags=re.MULTILINE)


def command(spec: Spec) -> str:
    """The command that renders the data set again."""
    values = {"preset": spec.preset, "lang": spec.lang, "n": spec.n, "n_test": spec.n_test, "seed": spec.seed}
    if spec != Spec.from_yaml("{}", "the card's command", **values, image_format=spec.image_format):
        return f"subsynth render --spec spec.yaml --out {spec.name}"
    parts = ["subsynth", "render", "--lang", spec.lang, "--n", str(spec.n), "--n-test", str(spec.n_test)]
    parts += ["--preset", spec.preset] if spec.preset != "sub" else []
    usual = presets.preset(spec.lang, spec.preset).image_format
    parts += ["--image-format", spec.image_format] if spec.image_format != usual else []
    return shlex.join([*parts, "--seed", str(spec.seed)])


def _text_worth(spec: Spec) -> str:
    """What the card says of how far the text is that of subtitles."""
    if spec.text.files:
        return "The text was supplied by the creator of the set."
    if "tatoeba" in spec.text.sources:
        return "The sentences are everyday ones from Tatoeba; their frequencies are not those of film\ndialogue."
    return (
        "The text has the letters and shapes of the language. Much of it is composed at random of words and letters\n"
        "(`text_source`): it teaches what a script looks like, and is worth nothing to a language model."
    )


def _more_labels(spec: Spec) -> str:
    """What the card says of rows without text, of text in the scene, and of the columns of `labels`."""
    sentences = []
    if not spec.is_plain:
        sentences += [
            "Where `text` is empty, the picture shows no subtitle and the ground truth is all background. Two lines "
            "are separated by a line feed. Text of the scene (column `distractors`) is never part of the ground truth."
        ]
    if spec.labels.erase_mask:
        sentences += [
            "`erase_mask` is the second mask, for the removal of subtitles: 0 where fill, outline, shadow or box "
            "changed the picture."
        ]
    if spec.labels.line_boxes or spec.labels.char_boxes:
        sentences += ["Boxes bound the pixels that the fill touches; what lies outside the picture has none."]
    if spec.labels.coverage:
        sentences += ["`coverage` is the ground truth before it is thresholded at half a pixel."]
    return "".join(f"{sentence}\n\n" for sentence in sentences)


def _front_matter(spec: Spec, manifest: Manifest) -> str:
    # The pattern names *.parquet, so that no other file in data/ is read as data.
    data_files = [{"split": split, "path": f"data/{split}-*.parquet"} for split in spec.splits]
    values = {
        "pretty_name": f"Synthetic subtitles, {LANGUAGES[spec.lang].name}",
        "language": [spec.lang],
        "task_categories": ["image-segmentation", "image-to-text"],
        "tags": ["synthetic", "subtitles", "binarization", "ocr"],
        "size_categories": [_size_category(manifest.total_rows)],
        "configs": [{"config_name": "default", "data_files": data_files}],
        "dataset_info": _dataset_info(spec, manifest),
    }
    if licences.is_all_bundled(spec):
        values = {"license": "cc-by-4.0", **values}
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    return text


def _size_category(rows: int) -> str:
    return next((name for limit, name in _SIZE_CATEGORIES if rows < limit), "n>1M")


def _dataset_info(spec: Spec, manifest: Manifest) -> dict[str, Any]:
    totals = manifest.splits
    return {
        # `datasets` caches a local directory by its card, not by its shards. With the digest in here, inside
        # dataset_info, changed pixels change the card.
        "description": f"content-sha256 {manifest.content_sha256}",
        "features": schema.card_features(schema.columns_of(spec)),
        "splits": [
            {"name": split, "num_bytes": total.arrow_bytes, "num_examples": total.rows}
            for split, total in totals.items()
        ],
        "download_size": manifest.total_bytes,
        "dataset_size": sum(total.arrow_bytes for total in totals.values()),
    }


def _split_rows(manifest: Manifest) -> str:
    return "\n".join(
        f"| {split} | {total.rows:,} | {total.bytes / 1e6:,.1f} MB | {total.bytes / total.rows / 1e3:,.1f} kB |"
        for split, total in manifest.splits.items()
    )


def _column_rows(spec: Spec, example_row: Mapping[str, object]) -> str:
    return "\n".join(
        f"| `{name}` | {_column_type(name)} | {schema.DESCRIPTIONS[name]} "
        f"| {'' if name in schema.IMAGES else _example(example_row[name])} |"
        for name in schema.columns_of(spec)
    )


def _column_type(name: str) -> str:
    if name in schema.IMAGES:
        return "image"
    column_type = schema.column_types()[name]
    return {schema.COLOR: "list of 3", schema.BOXES: "list of boxes"}.get(column_type, column_type)


def _example(value: object) -> str:
    """A value of a column as a table cell."""
    return markdown.code(_number(value))


def _baselines(scores: Mapping[str, Any]) -> str:
    """The section of the card that shows the scores of models."""
    names = list(scores["rows"][0])
    rows = [[markdown.escape(_number(row[name])) for name in names] for row in scores["rows"]]
    table = [[markdown.escape(name) for name in names], ["---"] * len(names), *rows]
    lines = "\n".join(f"| {' | '.join(cells)} |" for cells in table)
    split, block = markdown.code(str(scores["split"])), markdown.code_block(str(scores["command"]))
    return f"## Baselines\n\nMeasured on {split} by\n\n{block}\n\n{lines}\n\n"


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
