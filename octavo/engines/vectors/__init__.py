"""Engines of the vectors role."""
