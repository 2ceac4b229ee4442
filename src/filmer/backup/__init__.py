"""Backups: writes the whole database to one file, and restores it."""
