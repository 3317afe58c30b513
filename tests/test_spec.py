import dataclasses

import pytest
import yaml

from subsynth import Spec, sub_en, sub_zh


@pytest.mark.parametrize("spec", [sub_en(), sub_zh(), sub_en(n=7, seed=2**63 - 1)])
def test_yaml_round_trip(spec):
    again = Spec.from_yaml(spec.to_yaml())
    assert again == spec and again.digest() == spec.digest() and hash(again) == hash(spec)


def test_every_key_is_explained_with_a_unit():
    text = sub_zh().to_yaml()
    for line in text.splitlines()[1:]:
        key = line.split(":")[0].strip()
        if key not in {f.name for f in dataclasses.fields(Spec)} or "#" in line:
            assert "#" in line or line.startswith("    "), line
    assert yaml.safe_load(text)["fonts"]["size_range"] == [14.0, 26.0]


def test_digest_tells_any_change():
    base = sub_en()
    seen = {base.digest()}
    for change in (
        {"seed": 1},
        {"n": 5},
        {"width": 281},
        {"text": dataclasses.replace(base.text, max_chars=20)},
    ):
        digest = dataclasses.replace(base, **change).digest()
        assert digest not in seen
        seen.add(digest)


def test_flags_override_a_file_and_the_test_split_follows(tmp_path):
    (tmp_path / "s.yaml").write_text("lang: zh\nn: 500\nseed: 4\n")
    spec = Spec.load(tmp_path / "s.yaml", seed=9)
    assert (spec.lang, spec.n, spec.n_test, spec.seed) == ("zh", 500, 50, 9)
    assert Spec.load(tmp_path / "s.yaml", n=3).n_test == 1
    assert Spec.load(tmp_path / "s.yaml", n_test=8).n_test == 8


def test_specs_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        sub_en().seed = 1


def test_equal_values_of_other_types_are_the_same_spec():
    base = sub_en()
    lists = dataclasses.replace(base, fonts=dataclasses.replace(base.fonts, size_range=[14, 26]))
    assert lists == base and lists.digest() == base.digest()
