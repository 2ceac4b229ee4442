-- Mails, each written in the transaction that causes it, and delivered afterwards (contract §12.4).
CREATE TABLE mail (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text COLLATE "C" NOT NULL,         -- of mail/kinds.py
    recipient   text NOT NULL CHECK (length(recipient) BETWEEN 3 AND 255),
    account_id  integer REFERENCES account ON DELETE CASCADE,  -- whose data are in it; NULL: of nobody we know
    link_id     bigint,                            -- the row that it is about, from whose id its link is made
    fields      jsonb NOT NULL,                    -- what its template is filled with: never a secret
    state       text COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'not set up', 'sent', 'failed')),
    created     timestamptz NOT NULL,
    due         timestamptz NOT NULL,              -- the next attempt; while one is under way, when it is given up
    attempts    integer NOT NULL DEFAULT 0,
    reason      text NOT NULL DEFAULT '',          -- why the last attempt failed
    ended       timestamptz                        -- when it was sent, or failed for good
);
CREATE INDEX mail_due ON mail (due) WHERE state IN ('waiting', 'not set up');
CREATE INDEX mail_account ON mail (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX mail_created ON mail (created);
-- Nobody is reminded twice of the same.
CREATE UNIQUE INDEX mail_once ON mail (kind, link_id) WHERE kind IN ('rental_lapsing', 'rental_overdue');
