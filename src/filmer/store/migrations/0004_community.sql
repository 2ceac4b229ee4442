-- Bearer tokens; favourites and ratings; what is kept of TMDB's films.

-- A token is known by its digest; the token itself is nowhere.
CREATE TABLE token (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest      bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    account_id  integer NOT NULL REFERENCES account ON DELETE CASCADE,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    created     timestamptz NOT NULL,
    expires     timestamptz,                       -- NULL: when it is revoked
    used        timestamptz,                       -- up to a minute behind; NULL: never
    demo        boolean NOT NULL DEFAULT false     -- it is public: it works under `serve --demo` only
);
CREATE INDEX token_account ON token (account_id);

-- The last good copy of each film that somebody favourited or rated, as TMDB gave it (contract §7.9).
CREATE TABLE tmdb_film (
    movie_id      integer PRIMARY KEY CHECK (movie_id > 0),
    title         text NOT NULL,
    release_date  date,
    overview      text,
    popularity    double precision,
    vote_average  double precision,
    fetched       timestamptz NOT NULL
);
CREATE INDEX tmdb_film_fetched ON tmdb_film (fetched);

-- One row for each account that ever favourited or rated. A write changes the version, under which what is shown to
-- that account is cached: so the next read on any node shows it. Whoever writes holds the row.
CREATE TABLE shelf (
    account_id  integer PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    version     uuid NOT NULL
);

CREATE TABLE favorite (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  integer NOT NULL REFERENCES account ON DELETE CASCADE,
    movie_id    integer NOT NULL CHECK (movie_id > 0),
    created     timestamptz NOT NULL,
    UNIQUE (account_id, movie_id)
);
CREATE INDEX favorite_movie ON favorite (movie_id);

CREATE TABLE rating (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  integer NOT NULL REFERENCES account ON DELETE CASCADE,
    movie_id    integer NOT NULL CHECK (movie_id > 0),
    rating      numeric(2, 1) NOT NULL CHECK (rating BETWEEN 0 AND 5 AND rating * 2 = trunc(rating * 2)),
    created     timestamptz NOT NULL,
    updated     timestamptz NOT NULL,
    UNIQUE (account_id, movie_id)
);
CREATE INDEX rating_movie ON rating (movie_id);

-- What TMDB's /find answered for films whose TMDB id the catalogue's source does not tell. Outlives imports.
CREATE TABLE tmdb_link (
    film_id     text COLLATE "C" PRIMARY KEY CHECK (length(film_id) BETWEEN 1 AND 10),
    tmdb_id     integer CHECK (tmdb_id > 0),       -- NULL: TMDB knows no such film
    looked      timestamptz NOT NULL
);
CREATE INDEX tmdb_link_tmdb_id ON tmdb_link (tmdb_id) WHERE tmdb_id IS NOT NULL;
