"""Data: references such as "dibco:PATH:2013", and the pairs that they stand for."""
