"""Layer strips: one sample, layer by layer, from the background to the ground truth."""

from __future__ import annotations

from PIL import Image, ImageDraw

from subsynth.planning.planner import plan_recipes
from subsynth.rendering.render import Renderer
from subsynth.report.drawing import PAGE_COLOR, draw_label

GAP = 8  # px around each layer
SCALE = 3  # px of the strip per px of the sample
LABEL_HEIGHT = 18  # px

# The columns of the recipe that each layer depends on: its label shows their values.
COLUMNS_OF_LAYER = {
    "background": ("background", "background_level", "grade_gain", "grade_lift"),
    "distractors": ("distractors",),
    "box": ("box_color", "box_opacity"),
    "shadow": ("shadow_dx", "shadow_dy", "shadow_blur_px", "shadow_opacity"),
    "outline": ("outline_px", "outline_color"),
    "fill": ("text_color", "font", "font_size_px"),
    "fade": ("opacity",),
    "resample": ("resample",),
    "blur": ("blur_sigma",),
    "noise": ("noise_sigma",),
    "jpeg": ("jpeg_quality",),
}


def draw_layer_strip(renderer: Renderer, index: int) -> Image.Image:
    """The layers of one sample from top to bottom, each labelled with its name and its values of the recipe."""
    recipe = plan_recipes(renderer.assets, index, index + 1)[0]
    steps = renderer.layers(recipe)
    row = recipe.row()
    spec = renderer.assets.spec
    width, height = spec.width * SCALE, spec.height * SCALE
    page = Image.new("RGB", (width + 2 * GAP, len(steps) * (height + LABEL_HEIGHT + GAP) + GAP), PAGE_COLOR)
    draw = ImageDraw.Draw(page)
    for i, (name, image) in enumerate(steps):
        y = GAP + i * (height + LABEL_HEIGHT + GAP)
        values = ", ".join(f"{column} {row[column]}" for column in COLUMNS_OF_LAYER.get(name, ()))
        draw_label(draw, (GAP, y), f"{i + 1}  {name}" + (f":  {values}" if values else ""))
        enlarged = Image.fromarray(image).resize((width, height), Image.Resampling.NEAREST)
        page.paste(enlarged, (GAP, y + LABEL_HEIGHT))
    return page
