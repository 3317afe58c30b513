"""Data: references such as "dibco:PATH:2013", and the images and ground truth behind them."""
