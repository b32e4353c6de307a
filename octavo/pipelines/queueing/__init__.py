"""Runs that wait: started, looked at, claimed in fair order, held back by limits, given back and ended."""
