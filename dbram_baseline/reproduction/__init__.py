"""The tables of the DB-RAM paper, measured again: which cells there are, how they are measured, and the report."""
