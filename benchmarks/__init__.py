"""Octavo against the limit and against peers, in one run, on one PostgreSQL: `make bench`."""
