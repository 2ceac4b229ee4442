-- Directors are people, as stars are. Tables are filled by the next import; until then films know their directors by
-- name alone. Stars stay what they are, somebody in the billed cast: their lists, totals and ranks don't count directors.

-- Whoever directed a film here. "no" is a star's for directors who are stars; the others follow the last star.
CREATE TABLE {edition}.director (
    no           integer NOT NULL,
    is_star      boolean NOT NULL,
    birth_year   smallint CHECK (birth_year BETWEEN 0 AND 9999),
    votes        bigint NOT NULL,                  -- of all films that they directed or are in the cast of
    name_folded  text COLLATE "C" NOT NULL,
    id           text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 10),
    name         text NOT NULL,
    film_nos     integer[] NOT NULL                -- that they directed, newest first
);
CREATE UNIQUE INDEX director_no ON {edition}.director (no);
CREATE UNIQUE INDEX director_id ON {edition}.director (id);

ALTER TABLE {edition}.film ADD COLUMN director_nos integer[];  -- in the order of the text "director"
ALTER TABLE {edition}.star ADD COLUMN votes bigint;            -- as a director's

-- Suggestions have the people with the most votes first, where they had those with the most films first.
CREATE INDEX director_name_words ON {edition}.director USING gin (words_of(name_folded)) WHERE NOT is_star;
CREATE INDEX director_name_words_50000 ON {edition}.director USING gin (words_of(name_folded))
    WHERE NOT is_star AND votes >= 50000;
CREATE INDEX director_name_words_1000000 ON {edition}.director USING gin (words_of(name_folded))
    WHERE NOT is_star AND votes >= 1000000;
DROP INDEX {edition}.star_name_words_10, {edition}.star_name_words_100;
CREATE INDEX star_name_words_50000 ON {edition}.star USING gin (words_of(name_folded)) WHERE votes >= 50000;
CREATE INDEX star_name_words_1000000 ON {edition}.star USING gin (words_of(name_folded)) WHERE votes >= 1000000;
