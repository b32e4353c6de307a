"""What a text is: its counts, its preview, its language, its passages. Pure functions, no I/O."""
