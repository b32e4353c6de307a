"""One module a format, each with `extract(original)`: bytes to what they say."""
