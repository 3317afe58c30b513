"""Whether a run may be resumed, and with which configuration."""

from __future__ import annotations

import dataclasses

from dbram_baseline.errors import BaselineError
from dbram_baseline.training.checkpoint import CheckpointInfo
from dbram_baseline.training.config import Config, Overrides

# Fields that may differ: they change nothing in the result, or no more than another machine does.
MACHINE_FIELDS = ("workers", "save_every", "device", "compile")


def resumed_config(info: CheckpointInfo, config: Config, overrides: Overrides, data: str, init: str = "") -> Config:
    """The configuration of the run, with the machine fields of `config` that were given.

    Raises BaselineError if another override, the data, or the first weights differ from those of the run.
    """
    for field in dataclasses.fields(Config):
        before, now = getattr(info.config, field.name), overrides.get(field.name)
        if now is not None and now != before and field.name not in MACHINE_FIELDS:
            raise BaselineError(
                f"--{field.name.replace('_', '-')} is {now}, but the run was started with {before}; "
                "omit the option, or name another --out"
            )
    if data != info.data:
        raise BaselineError(f"--data is {data}, but the run was started with {info.data}")
    if init and init != info.init:
        raise BaselineError(f"--init is {init}, but the run was started with {info.init or 'random weights'}")
    given = [name for name in MACHINE_FIELDS if overrides.get(name) is not None]
    return dataclasses.replace(info.config, **{name: getattr(config, name) for name in given})
