-- Films as the owner has changed them by hand, and posters of the owner's own. Both outlive imports (contract §13.2).

CREATE TABLE film_edit (
    film_id     text COLLATE "C" PRIMARY KEY CHECK (length(film_id) BETWEEN 1 AND 10),
    imported    jsonb,                             -- the film as imports have it; NULL: it is the shop's own
    fields      jsonb NOT NULL DEFAULT '{}',       -- those that were changed by hand, and what they are
    hidden      boolean NOT NULL DEFAULT false,
    edit        bigint NOT NULL,                   -- the number of its last change, as edition.edits counts them
    changed     timestamptz NOT NULL
);
CREATE INDEX film_edit_changed ON film_edit (changed DESC, film_id);

-- A change shows at once, but for lists, counts and the search index, which the next edition has: until then
-- edits_built is less than edits.
ALTER TABLE edition
    ADD COLUMN edits bigint NOT NULL DEFAULT 0,
    ADD COLUMN edits_built bigint NOT NULL DEFAULT 0;

-- Hidden films are in no edition. Carts, libraries and orders still name them.
CREATE VIEW hidden_film AS
SELECT e.film_id AS id, f ->> 'title' AS title, (f ->> 'year')::smallint AS year, f ->> 'director' AS director,
    ARRAY(SELECT jsonb_array_elements_text(f -> 'genres')) AS genres, f ->> 'title_type' AS title_type
FROM film_edit e CROSS JOIN LATERAL (SELECT coalesce(e.imported, '{}') || e.fields) c(f)
WHERE e.hidden;

-- Prices have no part in an edition: what the owner sets by hand stays beside what imports said last.
ALTER TABLE film_terms
    ADD COLUMN imported_price numeric(8, 2) CHECK (imported_price >= 0),
    ADD COLUMN is_price_by_hand boolean;           -- NULL: no
UPDATE film_terms SET imported_price = price;

CREATE TABLE film_poster (
    film_id     text COLLATE "C" PRIMARY KEY CHECK (length(film_id) BETWEEN 1 AND 10),
    media_type  text NOT NULL,
    content     bytea NOT NULL CHECK (octet_length(content) <= 1048576)
);
ALTER TABLE film_poster ALTER COLUMN content SET STORAGE EXTERNAL;  -- pictures are compressed already
