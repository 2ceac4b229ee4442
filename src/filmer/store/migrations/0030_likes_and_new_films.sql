-- Who likes a film, without a look at the tables: what others like who like the same films (decision 0038).
CREATE INDEX favorite_likes ON favorite (movie_id, account_id);
DROP INDEX favorite_movie;
CREATE INDEX rating_likes ON rating (movie_id, account_id) WHERE rating >= 3.5;
CREATE INDEX rating_liked_by ON rating (account_id, movie_id) WHERE rating >= 3.5;

-- Since when the shop has a film, for the feed of new ones: those alone that came after the shop's first import.
CREATE TABLE new_film (
    film_id  text COLLATE "C" PRIMARY KEY CHECK (length(film_id) BETWEEN 1 AND 10),
    added    timestamptz NOT NULL
);
CREATE INDEX new_film_added ON new_film (added DESC, film_id);
