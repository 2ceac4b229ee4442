-- Files that owners import in the browser, for a day: in pieces in the database, as any node may get the next click.
-- Unlogged: neither backups nor standbys have them, and after a crash of PostgreSQL a file is sent again.

CREATE UNLOGGED TABLE import_job (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL,                     -- of the file; of an undo: of the import that is undone
    created     timestamptz NOT NULL,
    step        text NOT NULL CHECK (step IN ('check', 'import', 'undo')),
    state       text NOT NULL CHECK (state IN ('new', 'working', 'checked', 'done', 'failed')),
    started     timestamptz,                       -- the step
    choices     jsonb NOT NULL,                    -- how the file is to be read
    progress    jsonb NOT NULL DEFAULT '[]',       -- what of the step is done
    found       jsonb,                             -- what the check found in the file
    outcome     text                               -- in a sentence
);
CREATE UNIQUE INDEX import_job_one_at_a_time ON import_job ((true)) WHERE state = 'working';

CREATE UNLOGGED TABLE import_chunk (
    job_id      integer NOT NULL REFERENCES import_job ON DELETE CASCADE,
    of          text NOT NULL CHECK (of IN ('file', 'report')),
    place       integer NOT NULL,
    content     bytea NOT NULL,
    PRIMARY KEY (job_id, of, place)
);
ALTER TABLE import_chunk ALTER COLUMN content SET STORAGE EXTERNAL;  -- compressing takes longer than writing
