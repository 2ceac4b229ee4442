"""Files that browsers get."""
