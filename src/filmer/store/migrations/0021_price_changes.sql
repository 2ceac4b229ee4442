-- Prices of many films that were changed at once, and what they were before the last of these changes.
CREATE TABLE price_change (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made        timestamptz NOT NULL,
    words       text NOT NULL,                     -- what was done, as the office says it
    films       integer NOT NULL,
    undone      timestamptz
);

-- Of the last change alone: one can be undone.
CREATE TABLE price_before (
    film_id     text COLLATE "C" PRIMARY KEY CHECK (length(film_id) BETWEEN 1 AND 10),
    price       numeric(8, 2),                     -- NULL: it had the default price
    by_hand     boolean NOT NULL,
    new_price   numeric(8, 2) NOT NULL
);
