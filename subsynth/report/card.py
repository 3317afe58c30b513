"""Card: the README.md of a data set, with the YAML that the hub and `datasets` read."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

import yaml

from subsynth.assets import licences
from subsynth.core.errors import OutputError
from subsynth.format import schema
from subsynth.spec.spec import Spec

SCORES = "scores.json"  # beside the card, where models were scored on the set

_NAMES = {"en": "English", "zh": "Chinese"}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def card(spec: Spec, manifest: Mapping[str, Any], example: Mapping[str, Any]) -> str:
    """The card of a data set with this manifest, whose first row is `example`."""
    return f"---\n{_front(spec, manifest)}---\n\n{_prose(spec, manifest, example)}"


def front(text: str) -> dict[str, Any]:
    """The YAML on top of a card. Raises OutputError if there is none that can be read."""
    found = re.match(r"---\n(.*?\n)---\n", text, re.DOTALL)
    try:
        told = yaml.safe_load(found[1]) if found else None
    except yaml.YAMLError as error:
        raise OutputError(f"the card's YAML cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(told, dict):
        raise OutputError("the card has no YAML on top")
    return told


def completed(text: str, repo: str, scores: str = "") -> str:
    """A card as it is published: its snippets load `repo`, and the scores (SCORES' text), if any, are a table.

    Raises OutputError if the scores are not of the form {"command", "split", "rows": [{"method", ...}]}.
    """
    text = re.sub(r'load_dataset\("[^"]*"', f'load_dataset("{repo}"', text)
    if not scores:
        return text
    try:
        told = json.loads(scores)
        names = list(told["rows"][0])
        table = [names, ["---"] * len(names), *([_number(row[n]) for n in names] for row in told["rows"])]
        lines = "\n".join(f"| {' | '.join(cells)} |" for cells in table)
        section = f"## Baselines\n\nOn `{told['split']}`, by\n\n```\n{told['command']}\n```\n\n{lines}\n\n"
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise OutputError(f"{SCORES}: not scores that can be read ({error!r}); score again, or remove it") from error
    text = re.sub(r"## Baselines\n.*?(?=## )", "", text, flags=re.DOTALL)
    return text.replace("## Intended use", f"{section}## Intended use", 1)


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def command(spec: Spec) -> str:
    """The command that makes the set again."""
    given = {"lang": spec.lang, "n": spec.n, "n_test": spec.n_test, "seed": spec.seed}
    if spec != Spec.from_yaml("{}", "the card's command", **given, image_format=spec.image_format):
        return f"subsynth render --spec spec.yaml --out sub_{spec.lang}"
    parts = ["subsynth", "render", "--lang", spec.lang, "--n", str(spec.n), "--n-test", str(spec.n_test)]
    parts += ["--image-format", spec.image_format] if spec.image_format != "png" else []
    return shlex.join([*parts, "--seed", str(spec.seed)])


_ABOUT = """Train shares no line of text and no photograph with the other splits, which are drawn from the same test
material: `test` as train is; `test_hard` with fills close to their background, plain, on busy crops;
`test_unseen_fonts` in families that no other split has. The column `contrast` tells how hard each sample is."""


def _front(spec: Spec, manifest: Mapping[str, Any]) -> str:
    splits = manifest["splits"]
    total = sum(splits[s]["rows"] for s in spec.splits)
    size = next((word for limit, word in _SIZES if total < limit), "n>1M")
    # `datasets` caches a local directory by its card, not by its shards. The digest in here, inside
    # dataset_info, makes changed pixels a changed card. The pattern names *.parquet, so that nothing
    # else in data/ is taken for data.
    info = {
        "description": f"content-sha256 {manifest['content_sha256']}",
        "features": schema.card_features(),
        "splits": [
            {"name": s, "num_bytes": splits[s]["arrow_bytes"], "num_examples": splits[s]["rows"]} for s in spec.splits
        ],
        "download_size": sum(splits[s]["bytes"] for s in spec.splits),
        "dataset_size": sum(splits[s]["arrow_bytes"] for s in spec.splits),
    }
    files = [{"split": s, "path": f"data/{s}-*.parquet"} for s in spec.splits]
    front = {
        "pretty_name": f"Synthetic subtitles, {_NAMES[spec.lang]}",
        "language": [spec.lang],
        "task_categories": ["image-segmentation", "image-to-text"],
        "tags": ["synthetic", "subtitles", "binarization", "ocr"],
        "size_categories": [size],
        "configs": [{"config_name": "default", "data_files": files}],
        "dataset_info": info,
    }
    if licences.whole(spec):
        front = {"license": "cc-by-4.0", **front}
    text: str = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    return text


def _prose(spec: Spec, manifest: Mapping[str, Any], example: Mapping[str, Any]) -> str:
    name, made = f"sub_{spec.lang}", f"subsynth {manifest['subsynth']}"
    total = sum(manifest["splits"][s]["rows"] for s in spec.splits)
    licence = "CC BY 4.0" if licences.whole(spec) else "licence: its maker's"
    return f"""# Synthetic subtitles, {_NAMES[spec.lang]}

Crops of {spec.height} x {spec.width} px with one line of subtitle each, over photographs and drawn scenes,
and the exact binary ground truth of its glyphs: for training and judging models that separate, binarize or
read subtitles.

**{total:,} pairs · {licence} · made by {made} · the same command makes the same pixels**

![Samples of train: each image above its ground truth](assets/contact-sheet.png)

## Use

```python
from datasets import load_dataset

data = load_dataset("{name}")
pair = data["train"][0]
pair["image"], pair["ground_truth"], pair["text"]  # RGB; L, text 0 and background 255; str
```

Without a download, row after row:

```python
from datasets import load_dataset

rows = load_dataset("{name}", split="test", streaming=True)
print(next(iter(rows))["text"])
```

As tensors:

```python
from datasets import load_dataset

tensors = load_dataset("{name}", split="test").with_format("torch")
print(tensors[0]["image"].shape)  # torch.Size([3, {spec.height}, {spec.width}]), of uint8
```

## Splits

| split | pairs | size | a pair |
|---|---|---|---|
{_splits(spec, manifest)}

{_ABOUT}

## Columns

| column | type | meaning and unit | in the first row of train |
|---|---|---|---|
{_columns(example)}

## How it was made

```
{command(spec)}
```

{made}, seed {spec.seed}, spec `{manifest["spec_sha256"][:16]}`, content `{manifest["content_sha256"][:16]}`.
`spec.yaml` is the whole specification, `manifest.json` has the digest of every shard. The same command, with
the same version, makes the same pixels again; `subsynth verify DIRECTORY` checks a copy row by row, and renders
a sample of its rows again from their columns. `data["train"].info.description` has the content digest of what was
really loaded: out of reach of the hub, `datasets` takes whatever version lies in its cache.

![Distributions of length, size, contrast, blur, noise, fonts, colours and backgrounds](assets/distributions.png)

## Ground truth

The glyph outlines, unhinted, are laid over the pixel grid; a pixel is text (0) where the fill covers at
least half of it, and background (255) elsewhere. Outline, shadow, box, colour, blur, noise and codec
leave it as it is. Strokes thinner than {spec.fonts.min_stroke_px:g} px are thickened to that before, to keep a pixel.

![An image, the coverage of its fill, and its ground truth, enlarged](assets/ground-truth.png)

## Licences

{_licence(spec)}
Each font, photograph and source of text is listed with its licence in `LICENSES.md`.

## Independence of the splits

Every decision about a sample is drawn by (seed, split, index), so no two splits share a draw. A line of text
(its letters and digits, without case) and a photograph are in train or in the other splits, never in both.
Procedural scenes are drawn anew for train and for the others. The families of fonts are the same in all splits
but `test_unseen_fonts`. `subsynth verify` checks lines and photographs.

## Intended use, and limits

For training and testing binarization, segmentation, removal and recognition of burned-in subtitles, and for
comparing models. The text is one horizontal line without overlap; backgrounds are still pictures, few of them
with people; sentences are everyday ones from Tatoeba and say nothing of how often films say them. A model
that does well here has to be tested on real frames before it is trusted with them.

## Citation

The task and the size of the crops follow *Document binarization with a recurrent attention generative model*
(DB-RAM, 2019).

```bibtex
@misc{{subsynth_{name},
  title = {{{{Synthetic subtitles, {_NAMES[spec.lang]}}}}},
  year = {{2026}},
  note = {{Made by {made}; content {manifest["content_sha256"][:16]}}},
}}
```

## Changes

Another version of the set has another content digest; a tag names each version.
"""


def _splits(spec: Spec, manifest: Mapping[str, Any]) -> str:
    rows = [(split, manifest["splits"][split]) for split in spec.splits]
    return "\n".join(
        f"| {name} | {s['rows']:,} | {s['bytes'] / 1e6:,.1f} MB | {s['bytes'] / s['rows'] / 1e3:,.1f} kB |"
        for name, s in rows
    )


def _columns(example: Mapping[str, Any]) -> str:
    kinds = schema.kinds()
    return "\n".join(
        f"| `{c}` | {'image' if c in schema.IMAGES else {'color': 'list of 3'}.get(kinds[c], kinds[c])} "
        f"| {schema.MEANING[c]} | {'' if c in schema.IMAGES else _shown(example[c])} |"
        for c in schema.NAMES
    )


def _shown(value: object) -> str:
    """A value in a cell of a table."""
    told = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"`{told.replace('|', chr(0x2502))}`" if told else ""


def _licence(spec: Spec) -> str:
    if licences.whole(spec):
        return "The data set may be used under CC BY 4.0, with the attributions of `LICENSES.md`."
    return "It was made with material of its maker's own: its licence is for the maker to state."
