-- The catalogue. Its tables live in a schema of their own, because an import builds a whole new schema beside
-- it (same tables, same indexes: importing/build.py copies them from here) and then takes its place.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE SCHEMA catalogue;

-- A film's "no" is its place in title order: 1 is the first. Ranks are places in the other orders (contract §2.2),
-- so that any page of any order is a look-up, and search results sort by an integer.
CREATE TABLE catalogue.film (
    no              integer NOT NULL,
    title_desc      integer NOT NULL,
    year_asc        integer NOT NULL,
    year_desc       integer NOT NULL,
    rating_asc      integer NOT NULL,
    rating_desc     integer NOT NULL,
    votes_desc      integer NOT NULL,
    year            smallint CHECK (year BETWEEN 0 AND 9999),
    genre_ids       integer[] NOT NULL,            -- by the genres' names
    title_folded    text COLLATE "C" NOT NULL,
    director_folded text COLLATE "C",
    words           tsvector NOT NULL,             -- of title, directors and cast: what ?query= looks in
    id              text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 10),
    title           text NOT NULL,
    director        text,                          -- all of them, joined with ", "
    rating          double precision CHECK (rating BETWEEN 0 AND 10),
    votes           integer CHECK (votes >= 0),
    genres          text[] NOT NULL,               -- names, as genre_ids
    star_nos        integer[] NOT NULL,            -- the billed cast, in billing order
    billed_ids      text[] NOT NULL,               -- the first three of them, as a list item shows them
    billed_names    text[] NOT NULL,
    original_title  text,
    release_date    date,
    runtime_minutes integer CHECK (runtime_minutes > 0),
    popularity      double precision,
    tmdb_id         integer,
    price           numeric(8, 2) CHECK (price >= 0),  -- NULL: the shop's default price
    overview        text
);
CREATE UNIQUE INDEX film_no ON catalogue.film (no);
CREATE UNIQUE INDEX film_id ON catalogue.film (id);
CREATE INDEX film_tmdb_id ON catalogue.film (tmdb_id) WHERE tmdb_id IS NOT NULL;
CREATE INDEX film_year ON catalogue.film (year, no);
CREATE INDEX film_title_desc ON catalogue.film (title_desc);
CREATE INDEX film_year_asc ON catalogue.film (year_asc);
CREATE INDEX film_year_desc ON catalogue.film (year_desc);
CREATE INDEX film_rating_asc ON catalogue.film (rating_asc);
CREATE INDEX film_rating_desc ON catalogue.film (rating_desc);
CREATE INDEX film_votes_desc ON catalogue.film (votes_desc);
CREATE INDEX film_title_trgm ON catalogue.film USING gin (title_folded gin_trgm_ops);
-- All that a search by title tests and sorts by, in a tenth of the table's pages: for what no trigram finds fast.
CREATE INDEX film_titles ON catalogue.film (title_folded)
    INCLUDE (no, title_desc, year_asc, year_desc, rating_asc, rating_desc, votes_desc, year, genre_ids);
CREATE INDEX film_genres ON catalogue.film USING gin (genre_ids);
CREATE INDEX film_director_trgm ON catalogue.film USING gin (director_folded gin_trgm_ops);
CREATE INDEX film_words ON catalogue.film USING gin (words);

-- A star is somebody in the billed cast of a film here. "no" is the place in name order.
CREATE TABLE catalogue.star (
    no           integer NOT NULL,
    name_desc    integer NOT NULL,
    birth_asc    integer NOT NULL,
    birth_desc   integer NOT NULL,
    birth_year   smallint CHECK (birth_year BETWEEN 0 AND 9999),
    film_count   integer NOT NULL,
    name_folded  text COLLATE "C" NOT NULL,
    id           text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 10),
    name         text NOT NULL,
    film_nos     integer[] NOT NULL                -- newest first
);
CREATE UNIQUE INDEX star_no ON catalogue.star (no);
CREATE UNIQUE INDEX star_id ON catalogue.star (id);
CREATE INDEX star_name_desc ON catalogue.star (name_desc);
CREATE INDEX star_birth_asc ON catalogue.star (birth_asc);
CREATE INDEX star_birth_desc ON catalogue.star (birth_desc);
CREATE INDEX star_name_trgm ON catalogue.star USING gin (name_folded gin_trgm_ops);

-- Lists in their orders, cut into chunks of 400 numbers: page 30 000 costs what page 1 costs.
-- Lists: "all", "letter:a", "letter:*", "genre:3" (of films) and "stars".
CREATE TABLE catalogue.listing (
    list   text COLLATE "C" NOT NULL,
    sort   text COLLATE "C" NOT NULL,              -- "title asc", "rating desc", …
    chunk  integer NOT NULL,
    nos    integer[] NOT NULL
);
CREATE UNIQUE INDEX listing_chunk ON catalogue.listing (list, sort, chunk);

CREATE TABLE catalogue.listing_size (
    list   text COLLATE "C" NOT NULL,
    size   integer NOT NULL
);
CREATE UNIQUE INDEX listing_size_list ON catalogue.listing_size (list);

-- Films by year and genre, for the totals of searches without words. Genre 0 is every film, year NULL is unknown.
CREATE TABLE catalogue.tally (
    genre_id integer NOT NULL,
    year     smallint,
    films    integer NOT NULL
);
CREATE INDEX tally_genre ON catalogue.tally (genre_id, year);

-- How many match what too many match to be counted while somebody waits (catalogue/search.py). For one and two
-- letters every pair that occurs is here, and the rare ones carry their matches, as no index finds them.
CREATE TABLE catalogue.term (
    field  text COLLATE "C" NOT NULL,              -- "title", "director", "name", "word"; "star": films
    term   text COLLATE "C" NOT NULL,
    total  integer NOT NULL,
    nos    integer[]
);
CREATE UNIQUE INDEX term_key ON catalogue.term (field, term);

-- From here on: what outlives imports.

-- One row. Each change of the catalogue adds one to the version; everything public is cached under it.
CREATE TABLE edition (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    database  uuid NOT NULL DEFAULT gen_random_uuid(),  -- tells apart databases that share one cache
    version   bigint NOT NULL DEFAULT 0
);
INSERT INTO edition DEFAULT VALUES;

CREATE TABLE genre (
    id    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name  text COLLATE "C" NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100)
);

-- What the owner said of a film, wherever the film comes from.
CREATE TABLE film_terms (
    film_id   text COLLATE "C" PRIMARY KEY CHECK (length(film_id) BETWEEN 1 AND 10),
    price     numeric(8, 2) CHECK (price >= 0),
    tmdb_id   integer,
    overview  text
);

-- Films that somebody bought, holds or speaks of. No import drops them, whatever its files say.
CREATE TABLE film_in_use (
    film_id  text COLLATE "C" PRIMARY KEY
);

CREATE TABLE import_run (
    id        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source    text NOT NULL,                       -- "imdb", "csv", "demo"
    origin    text NOT NULL,                       -- from where, as the owner would say it
    finished  timestamptz NOT NULL,
    version   bigint NOT NULL,
    films     integer NOT NULL,
    stars     integer NOT NULL,
    report    jsonb NOT NULL
);
