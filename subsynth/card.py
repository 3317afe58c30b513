"""Card: the README.md of a data set, with the YAML that the hub and `datasets` read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from subsynth import columns
from subsynth.spec import Spec

_NAMES = {"en": "English", "zh": "Chinese"}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def card(spec: Spec, manifest: Mapping[str, Any], command: str) -> str:
    """The card of a data set with this manifest, made by this command."""
    return f"---\n{_front(spec, manifest)}---\n\n{_prose(spec, manifest, command)}"


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
        "features": columns.card_features(),
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
    if not spec.fonts.files and not spec.text.files and not spec.background.folders:
        front = {"license": "cc-by-4.0", **front}
    text: str = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    return text


def _prose(spec: Spec, manifest: Mapping[str, Any], command: str) -> str:
    name = f"sub_{spec.lang}"
    splits = "\n".join(
        f"| {s} | {manifest['splits'][s]['rows']:,} | {manifest['splits'][s]['bytes'] / 1e6:,.1f} MB |"
        for s in spec.splits
    )
    kinds = columns.kinds()
    table = "\n".join(
        f"| `{c}` | {'image' if c in columns.IMAGES else {'color': 'list of 3'}.get(kinds[c], kinds[c])} "
        f"| {columns.MEANING[c]} |"
        for c in columns.NAMES
    )
    return f"""# Synthetic subtitles, {_NAMES[spec.lang]}

Crops of {spec.height} x {spec.width} px with one line of subtitle each,
and the exact binary ground truth of its glyphs.

```python
from datasets import load_dataset

data = load_dataset("{name}")  # this directory
pair = data["train"][0]
pair["image"], pair["ground_truth"], pair["text"]
```

| split | pairs | size |
|---|---|---|
{splits}

{_ABOUT}

## Columns

| column | type | meaning |
|---|---|---|
{table}

## Ground truth

The glyph outlines, unhinted, are laid over the pixel grid; a pixel is text (0) where the fill covers at
least half of it, and background (255) elsewhere. Outline, shadow, box, colour, blur, noise and codec
leave it as it is.

## How it was made

```
{command}
```

subsynth {manifest["subsynth"]}, seed {spec.seed}, spec `{manifest["spec_sha256"][:16]}` (`spec.yaml`),
content `{manifest["content_sha256"][:16]}` (`manifest.json`). The same command makes the same pixels.

Fonts, photographs and sentences keep their own licences, which the subsynth package lists; sentences are
from Tatoeba (CC BY 2.0 FR), photographs are in the public domain, CC0 or CC BY.
"""
