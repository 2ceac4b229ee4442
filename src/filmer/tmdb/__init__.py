"""TMDB: its films, how they are asked for, and the copies that are kept."""
