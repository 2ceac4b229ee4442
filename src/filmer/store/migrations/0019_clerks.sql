-- Clerks: those who see the counter, orders and customers, and nothing else of the office (contract §13.1).
ALTER TABLE account
    DROP CONSTRAINT account_role_check,
    ADD CONSTRAINT account_role_check CHECK (role IN ('customer', 'clerk', 'admin')),
    -- What the office finds people by. A text of one or two letters has no trigram: then this column alone is read.
    ADD COLUMN searched text NOT NULL GENERATED ALWAYS AS (
        lower((first_name || ' ' || last_name || ' ' || email || ' ' || email_key) COLLATE "default")
    ) STORED;
CREATE INDEX account_searched ON account USING gin (searched gin_trgm_ops);
CREATE INDEX account_staff ON account (role, id) WHERE role <> 'customer';
CREATE INDEX account_disabled ON account (id) WHERE disabled AND erased IS NULL;
