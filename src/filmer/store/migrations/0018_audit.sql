-- Who changed what, when and from where (contract §13.3, docs/decisions/0029-an-audit-log.md).

-- Nothing personal is in it, and it refers to no table: an entry outlives what it is about.
CREATE TABLE audit_entry (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL,
    via          text COLLATE "C" NOT NULL CHECK (via IN ('office', 'api', 'command line')),
    account_id   integer,                           -- who did it; NULL: the command line
    action       text COLLATE "C" NOT NULL,         -- of audit/actions.py
    subject_kind text COLLATE "C" NOT NULL,         -- what it was done to: 'film', 'order', …
    subject_id   text COLLATE "C" NOT NULL,
    title        text NOT NULL,                     -- the subject's title then, or ''; never a person's name
    before       jsonb NOT NULL,                    -- the values that changed, by name
    after        jsonb NOT NULL,
    -- What a search by text looks at.
    words        text NOT NULL GENERATED ALWAYS AS
        (lower((subject_id || ' ' || title || ' ' || before::text || ' ' || after::text) COLLATE "default")) STORED,
    CHECK ((account_id IS NULL) = (via = 'command line'))
);
CREATE INDEX audit_entry_account ON audit_entry (account_id, id);
CREATE INDEX audit_entry_subject ON audit_entry (subject_kind, subject_id, id);
CREATE INDEX audit_entry_action ON audit_entry (action, id);
CREATE INDEX audit_entry_words ON audit_entry USING gin (words gin_trgm_ops);

-- What of an entry is about a person, and goes with them: an address they used; their name before and after.
CREATE TABLE audit_personal (
    entry_id    bigint NOT NULL REFERENCES audit_entry,
    account_id  integer NOT NULL REFERENCES account ON DELETE CASCADE,
    fields      jsonb NOT NULL,
    words       text NOT NULL GENERATED ALWAYS AS (lower(fields::text)) STORED,
    PRIMARY KEY (entry_id, account_id)
);
CREATE INDEX audit_personal_account ON audit_personal (account_id);
CREATE INDEX audit_personal_words ON audit_personal USING gin (words gin_trgm_ops);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: what is in it stays as it is';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry EXECUTE FUNCTION refuse_change();
CREATE TRIGGER written_once BEFORE UPDATE ON audit_personal EXECUTE FUNCTION refuse_change();
