-- The keys by which a title is the one that a search asks for (catalogue/words.py); NULL until the next import, which
-- also brings the words of original titles and the search forms of titles and names (title_folded and its like).
ALTER TABLE {edition}.film ADD COLUMN title_key text COLLATE "C", ADD COLUMN bare_key text COLLATE "C";
CREATE INDEX film_title_key ON {edition}.film (title_key);
CREATE INDEX film_bare_key ON {edition}.film (bare_key) WHERE bare_key IS NOT NULL;
