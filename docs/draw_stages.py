"""Draw docs/images/stages.svg, the picture of the stages on the page about the architecture.

    python docs/draw_stages.py

The picture is tall and narrow, so that it stays legible on a telephone.
"""

from pathlib import Path
from xml.sax.saxutils import escape

# (what the stage is or does, its folder, the value that leaves it, the phase that it belongs to)
STAGES = (
    ("spec", "spec/", "Spec: the whole data set as one value", "input"),
    ("assets", "assets/", "Assets: fonts, photographs, sentences, opened", "input"),
    ("plan", "planning/", "Recipe: all decisions for one sample, printable", "decide"),
    ("render", "rendering/", "Pair: image and ground truth", "draw"),
    ("encode", "format/", "shard: one parquet file", "store"),
    ("store", "storage/, build/", "manifest: rows and digests of all shards", "store"),
    ("report", "report/", "card: description, pictures, licences", "store"),
    ("publish", "publish/", "one commit on the hub", "store"),
)
COLORS = {"input": "#e8eef7", "decide": "#fdf0d5", "draw": "#dff2e1", "store": "#ece8f5"}
WIDTH, BOX, GAP, MARGIN = 520, 44, 38, 14
FONT = "font-family='Segoe UI, Roboto, Helvetica, Arial, sans-serif'"


def text(x: float, y: float, content: str, size: int = 16, **attributes: str) -> str:
    """One line of text."""
    extra = "".join(f" {name.replace('_', '-')}='{value}'" for name, value in attributes.items())
    return f"<text x='{x:g}' y='{y:g}' {FONT} font-size='{size}'{extra}>{escape(content)}</text>"


def stage(y: float, name: str, folder: str, phase: str) -> str:
    """The box of one stage."""
    size = f"width='{WIDTH - 2 * MARGIN}' height='{BOX}' rx='6'"
    box = f"<rect x='{MARGIN}' y='{y:g}' {size} fill='{COLORS[phase]}' stroke='#5a6472'/>"
    baseline = y + BOX / 2 + 6
    left = text(MARGIN + 16, baseline, name, 18, fill="#1b1f24", font_weight="600")
    return box + left + text(WIDTH - MARGIN - 16, baseline, folder, 16, fill="#3d4650", text_anchor="end")


def arrow(y: float, value: str) -> str:
    """The arrow below a box, labelled with the value that it carries."""
    x, end = MARGIN + 40, y + GAP
    line = f"<path d='M{x} {y + 2:g} V{end - 7:g}' stroke='#5a6472' stroke-width='2'/>"
    head = f"<path d='M{x - 5} {end - 9:g} h10 l-5 8 z' fill='#5a6472'/>"
    return line + head + text(x + 16, y + GAP / 2 + 5, value, 15, fill="#1b1f24")


def drawing() -> str:
    """The whole picture as SVG."""
    parts, y = [arrow(MARGIN + 6, "YAML file, preset or flags")], MARGIN + 6 + GAP
    for name, folder, value, phase in STAGES:
        parts += [stage(y, name, folder, phase), arrow(y + BOX, value)]
        y += BOX + GAP
    height = y + MARGIN
    title = "The stages of subsynth, from a spec to a published data set"
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height:g}' width='{WIDTH}' height='{height:g}' "
        f"role='img'>\n<title>{title}</title>\n<rect width='100%' height='100%' fill='#ffffff'/>\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )


if __name__ == "__main__":
    (Path(__file__).parent / "images/stages.svg").write_text(drawing(), encoding="utf-8")
