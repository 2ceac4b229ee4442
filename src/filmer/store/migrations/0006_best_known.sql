-- People in the order in which pages list them: the best known first (by films, then those films' votes).

-- An import that began before would bring in a table of stars without the column: it is waited for.
SELECT pg_advisory_xact_lock(1768779892);  -- _LOCK in importing/queries.py

ALTER TABLE catalogue.star ADD COLUMN known_desc integer;  -- a rank as the others; NULL until the next import
CREATE INDEX star_known_desc ON catalogue.star (known_desc);
