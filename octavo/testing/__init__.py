"""What users test with: the suites that the engines of a role must pass."""
