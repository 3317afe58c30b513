"""The options that several commands share, and the spec that they describe."""

from __future__ import annotations

import click

from subsynth.data.languages import LANGUAGES, unknown_language
from subsynth.spec.outside_paths import FLAG
from subsynth.spec.spec import PRESETS, Spec
from subsynth.spec.yaml_schema import check_value


class _LanguageCode(click.ParamType[str]):
    """A code of LANGUAGES; for another one, the error names the nearest."""

    name = "code"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The code itself. Raises SpecError for any other."""
        if value not in LANGUAGES:
            raise unknown_language(value, "--lang")
        return value


LANG = click.option(
    "--lang",
    type=_LanguageCode(),
    metavar="CODE",
    help="Language of the text, such as en, zh or ja; `subsynth languages` lists them.  [default: en]",
)
PRESET = click.option(
    "--preset",
    type=click.Choice(PRESETS),
    help="Strips of one line, as in the paper, or bands of video.  [default: sub]",
)
N = click.option("--n", type=int, help="Number of training pairs.  [default: 100000]")
N_TEST = click.option(
    "--n-test", type=int, help="Number of pairs in each test split.  [default: a tenth of the training pairs]"
)
SEED = click.option("--seed", type=int, help="Seed of all random choices.  [default: 0]")
SPEC = click.option(
    "--spec", "spec_file", metavar="FILE.yaml", help="Spec to start from; other options override its values."
)
TEXT = click.option(
    "--text", "texts", multiple=True, metavar="FILE", help="Text or subtitle file of your own; may be repeated."
)
VIDEO = click.option(
    "--video", "videos", multiple=True, metavar="FILE", help="Film whose frames are backgrounds; may be repeated."
)
TRUST_PATHS = click.option(
    FLAG, "trust_paths", is_flag=True, help="Open the files that the set's spec.yaml names outside of the directory."
)


def spec_from_options(
    spec_file: str | None, texts: tuple[str, ...] = (), videos: tuple[str, ...] = (), **values: str | int | None
) -> Spec:
    """The spec of a file, or the default one, with the values that are not None or empty.

    Raises SpecError. It names the option whose value is out of bounds: the file does not hold that value.
    """
    overrides: dict[str, object] = {key: value for key, value in values.items() if value is not None}
    for key, value in overrides.items():
        check_value(Spec, key, value, f"--{key.replace('_', '-')}")
    if texts:
        overrides["text"] = {"files": texts}
    if videos:
        overrides["background"] = {"videos": videos}
    if spec_file is not None:
        return Spec.load(spec_file, **overrides)
    return Spec.from_yaml("{}", "the options", **overrides)


def check_at_least_one(option: str, value: int | None) -> None:
    """Raise click.BadParameter for a number below 1; None stands for the default."""
    if value is not None and value < 1:
        raise click.BadParameter(f"{option} is {value}; must be at least 1")
