-- Files that people bring from elsewhere for their shelves, row by row (contract §14). A row whose film the shop lacks is
-- kept, and looked for again in each new edition of the catalogue.

CREATE TABLE shelf_import (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  integer NOT NULL REFERENCES account ON DELETE CASCADE,
    name        text NOT NULL,                     -- of the file
    left_out    text[] NOT NULL,                   -- what of the file nobody reads, in words
    created     timestamptz NOT NULL,
    row_count   integer NOT NULL,
    edition     text,                              -- the schema in which the rows were looked for; NULL: not all were yet
    claimed     timestamptz                        -- when a process last worked on it
);
CREATE INDEX shelf_import_account ON shelf_import (account_id);

CREATE TABLE shelf_import_row (
    import_id   integer NOT NULL REFERENCES shelf_import ON DELETE CASCADE,
    place       integer NOT NULL,
    account_id  integer NOT NULL REFERENCES account ON DELETE CASCADE,
    file        text NOT NULL,
    line        integer NOT NULL,
    title       text NOT NULL,                     -- of a bad row: the row
    year        integer,
    film_id     text NOT NULL DEFAULT '',          -- IMDb's, or the catalogue's own
    movie_id    integer,                           -- TMDB's, or the shop's own
    favorite    timestamptz,                       -- since when it is on a shelf; NULL: the row says nothing of it
    watchlist   timestamptz,
    seen        timestamptz,
    seen_on     date,
    rating      numeric(2, 1),
    rated       timestamptz,                       -- NULL: the file does not say when
    outcome     text NOT NULL CHECK (outcome IN ('waiting', 'taken', 'there', 'several', 'missing', 'bad')),
    detail      text NOT NULL DEFAULT '',
    candidates  text[] NOT NULL DEFAULT '{}',      -- the films that it may be
    PRIMARY KEY (import_id, place)
);
CREATE INDEX shelf_import_row_open ON shelf_import_row (import_id) WHERE outcome IN ('waiting', 'missing');
CREATE INDEX shelf_import_row_account ON shelf_import_row (account_id);
