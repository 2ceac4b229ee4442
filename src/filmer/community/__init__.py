"""The community: popular films, and the favourites and ratings of users."""
