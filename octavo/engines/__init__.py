"""What serves the roles: one module an engine; siblings know nothing of each other."""
