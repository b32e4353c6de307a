"""What keeps a database safe over the years: backup, restore, export, import, maintenance, health."""
