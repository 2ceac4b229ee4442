"""The community: popular films, people's favourites and ratings."""
