-- Every film can be favourited and rated; a watchlist, and what was seen (contract §14).

-- Numbers of the shop's own, for films without a TMDB id. They are for good, and outlive imports: a film whose TMDB id
-- comes later keeps this number beside it.
CREATE TABLE film_number (
    film_id  text COLLATE "C" PRIMARY KEY CHECK (length(film_id) BETWEEN 1 AND 10),
    number   integer GENERATED ALWAYS AS IDENTITY (START WITH 1000000000 MINVALUE 1000000000) UNIQUE
);
INSERT INTO film_number (film_id)
SELECT f.id FROM {edition}.film f LEFT JOIN tmdb_link l ON l.film_id = f.id
WHERE f.tmdb_id IS NULL AND l.tmdb_id IS NULL ORDER BY f.no;

-- ``movie_id``: a TMDB id or a number of the shop's own, as in ``favorite`` and ``rating``.
CREATE TABLE watchlist_film (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  integer NOT NULL REFERENCES account ON DELETE CASCADE,
    movie_id    integer NOT NULL CHECK (movie_id > 0),
    created     timestamptz NOT NULL,
    UNIQUE (account_id, movie_id)
);
CREATE INDEX watchlist_film_movie ON watchlist_film (movie_id);

CREATE TABLE seen_film (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  integer NOT NULL REFERENCES account ON DELETE CASCADE,
    movie_id    integer NOT NULL CHECK (movie_id > 0),
    seen_on     date,                              -- the last time; NULL: nobody knows any more
    created     timestamptz NOT NULL,
    UNIQUE (account_id, movie_id)
);
CREATE INDEX seen_film_movie ON seen_film (movie_id);
