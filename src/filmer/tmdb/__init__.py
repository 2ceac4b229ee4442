"""TMDB: the client of its API, the cache of its responses, its images, and the ids of films there."""
