"""Engines of the analytics role."""
