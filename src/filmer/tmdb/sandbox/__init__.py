"""A server that responds as TMDB's v3 API does, with the demo's films, and fails on demand. Needs no internet."""
