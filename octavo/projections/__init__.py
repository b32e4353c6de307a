"""Views derived from the log, each in an engine that keeps its own cursor."""
