"""The package's version, and that of the pixels that it makes."""

__version__ = "0.1.0"

PIXELS = 1  # goes up whenever the same spec and seed would make other pixels
