"""One small protocol a role; engines implement them."""
