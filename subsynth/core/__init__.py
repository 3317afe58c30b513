"""Building blocks of all other packages: randomness, pixel arithmetic, coverage, the cache folder, errors."""
