"""Octavo: a document database that starts inside your process and grows without a rewrite."""
