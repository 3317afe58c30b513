"""What describes a data set to people: the card, contact sheets, figures, statistics."""
