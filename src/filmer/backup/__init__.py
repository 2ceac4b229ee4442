"""Backups: the whole database in one file, and back."""
