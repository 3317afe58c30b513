"""Transparent pictures: the baseline has its own copy of the rule by which subsynth makes them opaque.

It may import only public names of subsynth, and this rule is not one of them.
"""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from dbram_baseline.data import pictures as of_baseline
from subsynth.assets import pictures as of_subsynth

SIDE = st.integers(1, 6)
LEVEL = st.integers(0, 255)
# Mode -> what is transparent in a picture of it that has no alpha channel.
TRANSPARENT = {
    "RGBA": None,
    "LA": None,
    "PA": None,
    "P": LEVEL | st.binary(min_size=1, max_size=256),  # one entry of the palette, or the alpha of several
    "L": LEVEL,
    "RGB": st.tuples(LEVEL, LEVEL, LEVEL),
}


@st.composite
def transparent_pictures(draw):
    mode = draw(st.sampled_from(sorted(TRANSPARENT)))
    width, height = draw(SIDE), draw(SIDE)
    size = width * height * len(Image.new(mode, (1, 1)).getbands())
    image = Image.frombytes(mode, (width, height), draw(st.binary(min_size=size, max_size=size)))
    if mode.startswith("P"):
        image.putpalette(draw(st.binary(min_size=768, max_size=768)))
    if TRANSPARENT[mode] is not None:
        image.info["transparency"] = draw(TRANSPARENT[mode])
    return image


@settings(max_examples=300, deadline=None)
@given(transparent_pictures())
@example(Image.new("RGBA", (3, 2), (127, 128, 127, 128)))  # as light as dark
@example(Image.new("LA", (3, 2), (255, 0)))  # nothing is visible
def test_both_rules_give_the_same_pixels(image):
    ours, theirs = of_subsynth.flatten_alpha(image.copy()), of_baseline.flatten_alpha(image.copy())
    assert ours.mode == theirs.mode == "RGB"
    assert np.array_equal(np.asarray(ours), np.asarray(theirs))


@given(arrays.arrays(np.uint8, (4, 5, 3)))
def test_opaque_pictures_are_unchanged_by_both(pixels):
    image = Image.fromarray(pixels)
    for flatten in (of_subsynth.flatten_alpha, of_baseline.flatten_alpha):
        assert np.array_equal(np.asarray(flatten(image)), pixels)
