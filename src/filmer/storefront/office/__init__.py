"""The pages of the office, under /admin."""
