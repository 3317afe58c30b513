"""Card: the README.md of a data set, with the YAML that the hub and `datasets` read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from subsynth import columns, licences
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
    if licences.whole(spec):
        front = {"license": "cc-by-4.0", **front}
    text: str = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    return text


def _prose(spec: Spec, manifest: Mapping[str, Any], command: str) -> str:
    name = f"sub_{spec.lang}"
    digests = f"spec `{manifest['spec_sha256'][:16]}`, content `{manifest['content_sha256'][:16]}`"
    return f"""# Synthetic subtitles, {_NAMES[spec.lang]}

Crops of {spec.height} x {spec.width} px with one line of subtitle each, over photographs and drawn scenes,
and the exact binary ground truth of its glyphs: for training and judging models that separate, binarize or
read subtitles.

![Samples of train: each image above its ground truth](assets/contact-sheet.png)

## Use

```python
from datasets import load_dataset

data = load_dataset("{name}")  # this directory, or the name of a repository on the hub
pair = data["train"][0]
pair["image"], pair["ground_truth"], pair["text"]  # RGB; L with text 0 and background 255; str
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
tensors[0]["image"].shape  # (3, {spec.height}, {spec.width}), uint8
```

## Splits

| split | pairs | size | a pair |
|---|---|---|---|
{_splits(spec, manifest)}

{_ABOUT}

## Columns

| column | type | meaning |
|---|---|---|
{_columns()}

## How it was made

```
{command}
```

subsynth {manifest["subsynth"]}, seed {spec.seed}, {digests}.
`spec.yaml` is the whole specification, `manifest.json` has the digest of every shard. The same command makes
the same pixels again; `subsynth verify DIRECTORY` checks them, row by row.

![Distributions of length, size, contrast, blur, noise, fonts, colours and backgrounds](assets/distributions.png)

## Ground truth

The glyph outlines, unhinted, are laid over the pixel grid; a pixel is text (0) where the fill covers at
least half of it, and background (255) elsewhere. Outline, shadow, box, colour, blur, noise and codec
leave it as it is. Strokes thinner than {spec.fonts.thin_stroke:g} px are thickened to that before, to keep a pixel.

![An image, the coverage of its fill, and its ground truth, enlarged](assets/ground-truth.png)

## Licences

{_licence(spec)}
Each font, photograph and source of text is listed with its licence in `LICENSES.md`.

## Intended use, and limits

For training and testing binarization, segmentation, removal and recognition of burned-in subtitles, and for
comparing models. The text is one horizontal line without overlap; backgrounds are still pictures, few of them
with people; sentences are everyday ones from Tatoeba and say nothing of how often films say them. A model
that does well here has to be tested on real frames before it is trusted with them.

## Citation

The task and the size of the crops follow *Document Binarization with a Recurrent Attention Generative Model*
(DB-RAM, 2019). For the set itself, cite subsynth {manifest["subsynth"]} with the content digest above.

## Changes

Another version of the set has another content digest; tags name them.
"""


def _splits(spec: Spec, manifest: Mapping[str, Any]) -> str:
    rows = [(split, manifest["splits"][split]) for split in spec.splits]
    return "\n".join(
        f"| {name} | {s['rows']:,} | {s['bytes'] / 1e6:,.1f} MB | {s['bytes'] / s['rows'] / 1e3:,.1f} kB |"
        for name, s in rows
    )


def _columns() -> str:
    kinds = columns.kinds()
    return "\n".join(
        f"| `{c}` | {'image' if c in columns.IMAGES else {'color': 'list of 3'}.get(kinds[c], kinds[c])} "
        f"| {columns.MEANING[c]} |"
        for c in columns.NAMES
    )


def _licence(spec: Spec) -> str:
    if licences.whole(spec):
        return "The data set may be used under CC BY 4.0, with the attributions of `LICENSES.md`."
    return "It was made with material of its maker's own: its licence is for the maker to state."
