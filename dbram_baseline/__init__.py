"""DB-RAM (2019) as a baseline: train it on subtitles, score it beside classical methods, binarize pages with it.

`model.py` is the network, `losses.py` what it is trained by, `data.py` where pairs come from, `config.py` every
hyperparameter, `train.py`, `score.py` and `binarize.py` the commands, `metrics.py` and `classical.py` what a
result is measured with and held against.
"""

import importlib.util
import sys

if importlib.util.find_spec("torch") is None:
    _TOLD = "dbram_baseline needs torch and some more: pip install 'subsynth[dbram]'"
    if sys.argv[:1] == ["-m"]:  # being run as a command
        sys.stderr.write(f"error: {_TOLD}\n")
        raise SystemExit(2)
    raise ImportError(_TOLD)
