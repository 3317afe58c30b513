"""The hot loops, compiled by numba. Each has a plain function elsewhere that returns the same bits."""
