"""What a developer of Octavo runs beside the package itself; nothing here is installed with it."""
