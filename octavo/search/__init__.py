"""Searching: what is asked, by which page, and how a hit is shown."""
