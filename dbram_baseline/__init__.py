"""DB-RAM (2019) as a baseline: train it on subtitles, score it beside classical methods, binarize pages with it.

`model.py` and `fcn.py` are the networks, `losses.py` and `cycle.py` what they are trained by, `config.py` every
hyperparameter. `data.py` is where pairs come from: data sets, pages (`pages.py`, of `dibco.py` and `plm.py`), shadows
(`istd.py`). `train.py`, `score.py`, `ocr.py` and `binarize.py` are commands, `metrics.py`, `classical.py` and `howe.py`
what a result is measured with and held against. `reproduce.py` measures the paper's tables: `agenda.py` lists their
cells, `bench.py` measures one, `cells.py` keeps it, `report.py` shows all.
"""

import importlib.util
import sys

if importlib.util.find_spec("torch") is None:
    _TOLD = "dbram_baseline needs torch and some more: pip install 'subsynth[dbram]'"
    if sys.argv[:1] == ["-m"]:  # being run as a command
        sys.stderr.write(f"error: {_TOLD}\n")
        raise SystemExit(2)
    raise ImportError(_TOLD)
