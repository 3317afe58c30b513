"""DB-RAM (2019) as a baseline for binarization: train it on subtitles, score it beside classical methods, and use it.

Modules import only from those above them in this list:

- `errors`, `arrays`: the error type and the array types.
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

if importlib.util.find_spec("torch") is None:
    _MESSAGE = "dbram_baseline needs torch and a few more packages: pip install 'subsynth[dbram]'"
    if sys.argv[:1] == ["-m"]:  # running as a command
        sys.stderr.write(f"error: {_MESSAGE}\n")
        raise SystemExit(2)
    raise ImportError(_MESSAGE)
