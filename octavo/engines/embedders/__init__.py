"""What serves the embedder role: models that run here, and models behind an address."""
