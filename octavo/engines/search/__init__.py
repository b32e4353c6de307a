"""Engines of the search role."""
