"""The spec of a data set: typed, immutable, read from and written to YAML."""
