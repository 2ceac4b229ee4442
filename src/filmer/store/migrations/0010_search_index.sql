-- The files of the edition's search index, which each node unpacks (catalogue/index_files.py). Empty where the importer
-- could not build one, and until the first import after this migration: then search does without.
CREATE TABLE {edition}.search_index (
    part     integer NOT NULL,                     -- 0 is the manifest; the others in order are the files
    content  bytea NOT NULL CHECK (octet_length(content) <= 1048576)
);
CREATE UNIQUE INDEX search_index_part ON {edition}.search_index (part);
ALTER TABLE {edition}.search_index ALTER COLUMN content SET STORAGE EXTERNAL;  -- the files are compressed already
