"""Pipelines at work: definitions, runs, the queue, workers."""
