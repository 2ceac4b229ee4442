-- Each edition of the catalogue has a schema of its own; the next import makes "catalogue_<version>" and drops this one.
ALTER TABLE edition ADD COLUMN schema text NOT NULL DEFAULT 'catalogue' CHECK (schema ~ '^catalogue(_[0-9]+)?$');
