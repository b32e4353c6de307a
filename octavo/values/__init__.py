"""What things are, without I/O: documents, versions, events, positions, JSON."""
