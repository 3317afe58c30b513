"""DB-RAM (2019) as a baseline: train it on subtitles, score it beside classical methods, binarize pages with it.

`model.py` is the network, `losses.py` what it is trained by, `data.py` where pairs come from, `config.py` every
hyperparameter, `train.py`, `score.py` and `binarize.py` the commands, `metrics.py` and `classical.py` what a
result is measured with and held against.
"""
