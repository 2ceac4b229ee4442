"""Movies, stars, genres, and the search for them."""
