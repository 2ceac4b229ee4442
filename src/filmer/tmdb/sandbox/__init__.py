"""A server that answers as TMDB's v3 API does, from the demo's films, and fails on demand. No key, no internet."""
