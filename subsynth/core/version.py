"""The version of the package, and the version of the pixels that it renders."""

__version__ = "0.1.0"

PIXELS = 2  # increases whenever the same spec and seed would produce different pixels
