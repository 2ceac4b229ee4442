-- IMDb's title types, films in the order of popularity, and what the counts beside a search's results are made of.

-- An import that began before would bring in a table of films without the columns: it is waited for.
SELECT pg_advisory_xact_lock(1768779892);  -- IMPORT_LOCK in store/migrate.py

ALTER TABLE {edition}.film
    ADD COLUMN title_type text COLLATE "C",        -- "movie", "tvMovie", …; NULL: unknown, as in many files of owners
    ADD COLUMN popularity_asc integer,             -- ranks as the others; NULL until the next import
    ADD COLUMN popularity_desc integer;
CREATE INDEX film_popularity_asc ON {edition}.film (popularity_asc);
CREATE INDEX film_popularity_desc ON {edition}.film (popularity_desc);

-- The same index as before, with all that films are filtered and counted by: so neither reads the table itself.
DROP INDEX {edition}.film_titles;
CREATE INDEX film_titles ON {edition}.film (title_folded)
    INCLUDE (no, title_desc, year_asc, year_desc, rating_asc, rating_desc, votes_desc, popularity_asc, popularity_desc,
        year, rating, votes, runtime_minutes, title_type, genre_ids);
