"""DB-RAM (2019) as a baseline for binarization: train it on subtitles, score it beside classical methods, and use it.

Modules import only from those above them in this list:

- `errors`, `arrays`, `files`: the error type, the array types, how files are read and written.
- `model`: DB-RAM and its ablations, after the paper.
- `networks`: the models it is compared with, discriminators, and a factory.
- `data`: references such as "dibco:PATH:2013" and the pairs behind them.
- `classical`: thresholds and Howe's graph cut.
- `evaluation`: metrics, predictions, text readers, tables.
- `training`: hyperparameters, losses, steps, checkpoints, the loop.
- `reproduction`: the paper's tables, measured again.
- `train`, `score`, `binarize`, `ocr`, `reproduce`: the commands (`python -m dbram_baseline.train`).
"""

import importlib.util
import sys


def _name_of_command() -> str:
    """What `python -m` is about to run of this package; "" if it was imported otherwise."""
    options = sys.orig_argv
    module = options[options.index("-m") + 1] if sys.argv[:1] == ["-m"] and "-m" in options[:-1] else ""
    return module.rpartition(".")[2] if module.split(".")[0] == "dbram_baseline" else ""


if _name_of_command():
    # From now on, errors and Ctrl-C are one line: importing torch takes seconds.
    from subsynth.core import main_guard as _main_guard

    _main_guard.install(_name_of_command())
if importlib.util.find_spec("torch") is None:
    _MESSAGE = "dbram_baseline needs torch and a few more packages: pip install 'subsynth[dbram]'"
    if _name_of_command():
        sys.stderr.write(f"error: {_MESSAGE}\n")
        raise SystemExit(2)
    raise ImportError(_MESSAGE)
