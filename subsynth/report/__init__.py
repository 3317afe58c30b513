"""Descriptions of a data set for its readers: the card, contact sheets, figures, statistics."""
