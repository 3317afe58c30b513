"""Building blocks without state: randomness, pixel arithmetic, coverage, the cache folder, errors."""
