"""The parts of `subsynth.verify`: documents, shard files, rows that are rendered again, and what is reported."""
