"""Building a data set: ownership of the output, shards rendered by workers, records, the final merge."""
