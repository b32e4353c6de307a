"""Models that are trained here: what they are as bytes, how they are fitted, how good they are."""
