"""Where filmer keeps its data."""
