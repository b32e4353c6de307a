"""The one transaction: every change and its event commit together."""
