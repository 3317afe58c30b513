"""The spec: every key is documented, bounded and checked; specs are immutable values, the same in YAML."""

import copy
import dataclasses
import math
import pickle
import re
from typing import get_args, get_origin

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from subsynth import Spec, SpecError, sub_en, sub_zh
from subsynth.spec.presets import preset
from subsynth.spec.spec import LANGUAGES
from subsynth.spec.weights import Weights
from subsynth.spec.yaml_schema import WEIGHT_LIMIT, fields_of, key_of

# The largest image with the smallest margin: every other key may have both ends of its bounds.
LARGEST = {item.name: key_of(item).high for item, _ in fields_of(Spec) if item.name in ("height", "width")}
ROOMY = dataclasses.replace(sub_en(), **LARGEST, margin_px=1)


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A key of the spec that is not a section: its path, its type and its declaration."""

    path: tuple[str, ...]
    kind: object
    key: object

    @property
    def name(self):
        return ".".join(self.path)

    @property
    def is_range(self):
        return get_origin(self.kind) is tuple and get_args(self.kind)[-1] in (int, float)

    @property
    def is_number(self):
        return self.kind in (int, float) or self.is_range

    @property
    def number(self):
        """The type of the number, or of both ends of the range."""
        return get_args(self.kind)[0] if self.is_range else self.kind

    def values(self, low, high):
        """Values of this key that reach down to `low` and up to `high`."""
        return [(low, self.key.high), (self.key.low, high)] if self.is_range else [low, high]

    def of(self, spec):
        for name in self.path:
            spec = getattr(spec, name)
        return spec

    def replaced(self, spec, value):
        """The spec with another value of this key."""
        if len(self.path) == 1:
            return dataclasses.replace(spec, **{self.path[0]: value})
        section = dataclasses.replace(getattr(spec, self.path[0]), **{self.path[1]: value})
        return dataclasses.replace(spec, **{self.path[0]: section})


def leaves(cls=Spec, path=()):
    """Every leaf key of the dataclasses."""
    for item, kind in fields_of(cls):
        here = (*path, item.name)
        if dataclasses.is_dataclass(kind):
            yield from leaves(kind, here)
        else:
            yield Leaf(here, kind, key_of(item))


def params(condition):
    return [pytest.param(leaf, id=leaf.name) for leaf in leaves() if condition(leaf)]


LEAVES = params(lambda leaf: True)
NUMBERS = params(lambda leaf: leaf.is_number)
WEIGHTS = params(lambda leaf: leaf.kind is Weights)
CHOICES = params(lambda leaf: leaf.kind is str)
SECTIONS = [kind for _, kind in fields_of(Spec) if dataclasses.is_dataclass(kind)]


def refused(leaf, value, spec=ROOMY):
    """The spec with this value raises an error that starts with the key's full name."""
    with pytest.raises(SpecError, match=rf"^{re.escape(leaf.name)}\b") as caught:
        leaf.replaced(spec, value)
    return str(caught.value)


def test_the_walk_reaches_every_key_of_the_yaml():
    written = yaml.safe_load(sub_en().to_yaml())
    top_level = {(name,) for name, value in written.items() if not isinstance(value, dict)}
    nested = {(name, inner) for name, value in written.items() if isinstance(value, dict) for inner in value}
    assert {param.values[0].path for param in LEAVES} == top_level | nested


@pytest.mark.parametrize("leaf", LEAVES)
def test_keys_are_documented_and_bounded(leaf):
    assert leaf.key.doc and leaf.key.doc == leaf.key.doc.strip() and "\n" not in leaf.key.doc
    if leaf.is_number or leaf.kind is Weights:
        assert leaf.key.low is not None and leaf.key.high is not None and leaf.key.low < leaf.key.high
        assert leaf.key.bounds and leaf.key.bounds in leaf.key.comment
    elif leaf.kind is str:
        assert len(leaf.key.choices) > 1
    elif leaf.kind is bool:
        assert leaf.of(sub_en()) is False  # the paper's sets have no more labels
    else:
        assert leaf.key.unit in ("paths", "names")
    assert leaf.key.doc in leaf.key.comment and leaf.key.unit in leaf.key.comment


@pytest.mark.parametrize("leaf", LEAVES)
def test_names_follow_the_rules(leaf):
    name, unit = leaf.path[-1], leaf.key.unit
    assert name.startswith("p_") == (unit == "probability")
    assert name.endswith("_range") == leaf.is_range
    is_length = unit.startswith("px") and not leaf.is_range and name not in ("height", "width")
    assert name.endswith("_px") == is_length
    if name.startswith("p_"):
        assert (leaf.kind, leaf.key.low, leaf.key.high) == (float, 0, 1)


def yaml_lines(text):
    """Path of a key -> its line; the names of weights are keys too."""
    path, lines = [], {}
    for line in text.splitlines():
        match = re.match(r"( *)([^\s:#]+):", line)
        if match:
            path = [*path[: len(match[1]) // 2], match[2]]
            lines[tuple(path)] = line
    return lines


@pytest.mark.parametrize("leaf", LEAVES)
@pytest.mark.parametrize("preset", [sub_en, sub_zh], ids=["en", "zh"])
def test_the_line_of_a_key_in_yaml_has_its_comment(preset, leaf):
    assert yaml_lines(preset().to_yaml())[leaf.path].endswith(f"  # {leaf.key.comment}")


def just_outside(leaf):
    low, high = leaf.key.low, leaf.key.high
    return (
        (low - 1, high + 1) if leaf.number is int else (math.nextafter(low, -math.inf), math.nextafter(high, math.inf))
    )


@pytest.mark.parametrize("leaf", NUMBERS)
def test_bounds_are_enforced(leaf):
    for value in leaf.values(leaf.key.low, leaf.key.high):
        if leaf.name == "margin_px" and 2 * value + 6 > ROOMY.height:
            assert "leaves no room" in refused(leaf, value)
            continue
        stored = leaf.of(leaf.replaced(ROOMY, value))
        assert stored == value
        ends = stored if leaf.is_range else (stored,)
        assert all(type(end) is leaf.number for end in ends)
    below, above = just_outside(leaf)
    for value in leaf.values(below, above):
        message = refused(leaf, value)
        assert str(below) in message or str(above) in message
    for value in (None, "1", [], True, {}, math.nan, math.inf, -math.inf):
        refused(leaf, (value, value) if leaf.is_range else value)
    if leaf.number is int:
        refused(leaf, (1.5, 2.5) if leaf.is_range else 1.5)
    if leaf.is_range:
        low, high = leaf.key.low, leaf.key.high
        refused(leaf, (high, low))
        refused(leaf, (low,))
        refused(leaf, (low, low, high))


@pytest.mark.parametrize("leaf", WEIGHTS)
def test_weights_are_checked(leaf):
    names = leaf.key.choices or ("tatoeba", "words")
    assert dict(leaf.of(leaf.replaced(ROOMY, {names[0]: 0, names[1]: WEIGHT_LIMIT}))) == {
        names[0]: 0.0, names[1]: float(WEIGHT_LIMIT),
    }  # fmt: skip
    for weight in (math.nextafter(0, -1), WEIGHT_LIMIT + 1, math.nan, math.inf, "1", None, True):
        assert names[1] in refused(leaf, {names[0]: 1, names[1]: weight})
    for value in ({}, {names[0]: 0}, [1, 2], None, "white", {1: 1.0}):
        refused(leaf, value)
    if leaf.key.choices:
        assert "'mauve'" in refused(leaf, {"mauve": 1.0})
        for name in names:
            assert dict(leaf.of(leaf.replaced(ROOMY, {name: 1}))) == {name: 1.0}


@pytest.mark.parametrize("leaf", CHOICES)
def test_choices_are_checked(leaf):
    for choice in leaf.key.choices:
        assert leaf.of(leaf.replaced(ROOMY, choice)) == choice
    for value in ("", "mauve", 1, None, [leaf.key.choices[0]]):
        refused(leaf, value)
    assert all(choice in refused(leaf, "mauve") for choice in leaf.key.choices)


@pytest.mark.parametrize("leaf", params(lambda leaf: leaf.key.unit in ("paths", "names")))
def test_lists_of_names_are_checked(leaf):
    assert leaf.of(leaf.replaced(ROOMY, ["a", "b"])) == ("a", "b")
    for value in ("ab", [1], [None], {"a": 1}, None, 3):
        refused(leaf, value)


@pytest.mark.parametrize("section", SECTIONS)
def test_the_default_of_every_key_is_accepted(section):
    default = section()
    assert dataclasses.replace(default) == default
    for item, _ in fields_of(section):
        assert getattr(default, item.name) == item.default


def test_sections_do_not_fit_together_in_an_image_that_is_too_small():
    with pytest.raises(SpecError, match=r"^margin_px is 14: it leaves no room in 32 x 280 px"):
        dataclasses.replace(sub_en(), margin_px=14)
    assert dataclasses.replace(sub_en(), margin_px=13).margin_px == 13
    with pytest.raises(SpecError, match=r"^fonts.families and fonts.files are both empty"):
        Spec()


# Immutability


def sections_of(spec):
    return [spec, *(getattr(spec, item.name) for item, kind in fields_of(spec) if dataclasses.is_dataclass(kind))]


@pytest.mark.parametrize("preset", [sub_en, sub_zh], ids=["en", "zh"])
def test_no_assignment_changes_a_spec(preset):
    spec = preset()
    digest, text = spec.digest(), spec.to_yaml()
    for section in sections_of(spec):
        for item in dataclasses.fields(section):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(section, item.name, getattr(section, item.name))
            with pytest.raises(dataclasses.FrozenInstanceError):
                delattr(section, item.name)
        with pytest.raises(dataclasses.FrozenInstanceError):
            section.new_attribute = 1
    assert (spec.digest(), spec.to_yaml()) == (digest, text)
    assert preset() == spec


MUTATIONS = {
    "item": lambda w: w.__setitem__("white", 1.0),
    "delete": lambda w: w.__delitem__("white"),
    "update": lambda w: w.update(white=1.0),
    "setdefault": lambda w: w.setdefault("black", 1.0),
    "pop": lambda w: w.pop("white"),
    "popitem": lambda w: w.popitem(),
    "clear": lambda w: w.clear(),
    "union": lambda w: w.__ior__({"white": 1.0}),
    "attribute": lambda w: setattr(w, "white", 1.0),
    "own attribute": lambda w: [setattr(w, name, ()) for name in w.__slots__],
    "delete own attribute": lambda w: [delattr(w, name) for name in w.__slots__],
    "namespace": lambda w: w.__dict__.update(white=1.0),
}


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_no_method_changes_weights(mutation):
    spec = sub_en()
    weights, digest = spec.fill.colors, spec.digest()
    before = dict(weights)
    with pytest.raises((AttributeError, TypeError)):
        mutation(weights)
    assert dict(weights) == before == dict(sub_en().fill.colors)
    assert spec.digest() == digest == dataclasses.replace(spec).digest()


def test_containers_that_were_passed_in_may_be_changed_later():
    colors, families, size = {"white": 1.0}, ["Arimo"], [14, 26]
    spec = sub_en()
    spec = dataclasses.replace(
        spec,
        fill=dataclasses.replace(spec.fill, colors=colors),
        fonts=dataclasses.replace(spec.fonts, families=families, size_range=size),
    )
    digest, text, number = spec.digest(), spec.to_yaml(), hash(spec)
    colors["red"] = 5.0
    families.append("Kalam")
    size[0] = 20
    assert (spec.digest(), spec.to_yaml(), hash(spec)) == (digest, text, number)
    assert dataclasses.replace(spec).digest() == digest  # computed again, from the values
    assert dict(spec.fill.colors) == {"white": 1.0}
    copied = dict(spec.fill.colors)
    copied["red"] = 1.0
    assert dataclasses.replace(spec).digest() == digest


# Equality, copies and YAML


def specs():
    """Specs of which up to four values are drawn within their bounds."""

    def values(leaf):
        low, high = leaf.key.low, leaf.key.high
        if leaf.kind is Weights:
            names = leaf.key.choices or ("tatoeba",)
            weight = st.floats(0, WEIGHT_LIMIT)
            return st.dictionaries(st.sampled_from(names), weight, min_size=1).filter(lambda w: sum(w.values()) > 0)
        number = st.integers(low, high) if leaf.number is int else st.floats(low, high)
        return st.lists(number, min_size=2, max_size=2).map(sorted) if leaf.is_range else number

    changeable = [
        p.values[0] for p in (*NUMBERS, *WEIGHTS) if p.values[0].path[0] not in ("height", "width", "margin_px")
    ]
    change = st.sampled_from(changeable).flatmap(lambda leaf: st.tuples(st.just(leaf), values(leaf)))

    def changed(preset, changes):
        spec = preset()
        for leaf, value in changes:
            spec = leaf.replaced(spec, value)
        return spec

    return st.builds(changed, st.sampled_from([sub_en, sub_zh]), st.lists(change, max_size=4))


@settings(max_examples=150, deadline=None)
@given(specs())
def test_copies_are_equal(spec):
    copies = [
        Spec.from_yaml(spec.to_yaml()),
        pickle.loads(pickle.dumps(spec)),
        copy.deepcopy(spec),
        copy.copy(spec),
        dataclasses.replace(spec),
    ]
    for one in copies:
        assert one == spec and hash(one) == hash(spec)
        assert one.digest() == spec.digest() == dataclasses.replace(one).digest()
        assert one.to_yaml() == spec.to_yaml()
    with pytest.raises(dataclasses.FrozenInstanceError):
        copies[1].seed = 1


@settings(max_examples=150, deadline=None)
@given(specs(), specs())
def test_the_digest_is_equal_exactly_for_equal_specs(one, other):
    assert (one == other) == (one.digest() == other.digest())
    if one == other:
        assert hash(one) == hash(other)


def test_equal_values_of_other_types_and_orders_are_the_same_spec():
    base = sub_en()
    same = [
        dataclasses.replace(base, fonts=dataclasses.replace(base.fonts, size_range=[14, 26])),
        dataclasses.replace(
            base, fill=dataclasses.replace(base.fill, colors=dict(reversed(list(base.fill.colors.items()))))
        ),
        dataclasses.replace(base, background=dataclasses.replace(base.background, lift_range=(-0.0, 24))),
    ]
    for spec in same:
        assert spec == base and spec.digest() == base.digest() and hash(spec) == hash(base)
        assert len({spec, base}) == 1


@pytest.mark.parametrize("leaf", LEAVES)
def test_the_digest_changes_with_every_key(leaf):
    low, high = leaf.key.low, leaf.key.high
    if leaf.is_number:
        value = (low, high) if leaf.is_range else low if leaf.of(ROOMY) != low else low + 1
    elif leaf.kind is Weights:
        value = {next(iter(leaf.of(ROOMY))): 0.123}
    elif leaf.kind is bool:
        value = not leaf.of(ROOMY)
    elif leaf.kind is str:
        value = next(choice for choice in leaf.key.choices if choice != leaf.of(ROOMY))
    else:
        value = ("something",)
    changed = leaf.replaced(ROOMY, value)
    assert changed != ROOMY and changed.digest() != ROOMY.digest()


def test_flags_override_a_file_and_the_test_split_follows(tmp_path):
    (tmp_path / "s.yaml").write_text("lang: zh\nn: 500\nseed: 4\n")
    spec = Spec.load(tmp_path / "s.yaml", seed=9)
    assert (spec.lang, spec.n, spec.n_test, spec.seed) == ("zh", 500, 50, 9)
    assert Spec.load(tmp_path / "s.yaml", n=3).n_test == 1
    assert Spec.load(tmp_path / "s.yaml", n_test=8).n_test == 8
    (tmp_path / "t.yaml").write_text("n: 500\nn_test: 70\n")
    assert Spec.load(tmp_path / "t.yaml").n_test == 70
    assert Spec.load(tmp_path / "t.yaml", n=30).n_test == 3  # the sizes of the file go together
    assert Spec.load(tmp_path / "t.yaml", n=30, n_test=2).n_test == 2


@pytest.mark.parametrize("lang", LANGUAGES)
def test_keys_left_out_have_the_value_of_the_preset(lang):
    of_language = preset(lang)
    assert Spec.from_yaml(f"lang: {lang}") == of_language
    changed = Spec.from_yaml(f"lang: {lang}\nfonts: {{p_bold: 0.25}}")
    assert changed == dataclasses.replace(of_language, fonts=dataclasses.replace(of_language.fonts, p_bold=0.25))
