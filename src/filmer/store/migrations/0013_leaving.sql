-- Accounts whose people leave (contract §12.3).
ALTER TABLE account
    ADD COLUMN leaving timestamptz,                -- when it was deleted; until it is erased that can be undone
    ADD COLUMN erased timestamptz,                 -- when the person went: the row stays for the books, and names nobody
    ADD CONSTRAINT account_leaving CHECK (disabled OR (leaving IS NULL AND erased IS NULL));
CREATE INDEX account_leaving_since ON account (leaving) WHERE leaving IS NOT NULL;
