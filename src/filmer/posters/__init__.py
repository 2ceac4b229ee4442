"""A picture for every film: a drawn poster, or TMDB's own."""
