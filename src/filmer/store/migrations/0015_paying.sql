-- Cards that people put on file themselves, orders paid for at the counter, and carts of visitors who are not signed in.

-- A number is unique per account, and beyond that nobody learns of others' cards. The ids are ours: a checkout takes
-- one in place of a number, from its own account alone.
ALTER TABLE card
    DROP CONSTRAINT card_pkey,
    ADD COLUMN id text COLLATE "C" NOT NULL DEFAULT 'card_' || left(replace(gen_random_uuid()::text, '-', ''), 12)
        PRIMARY KEY CHECK (length(id) <= 20);
CREATE UNIQUE INDEX card_number ON card (digest, account_id) NULLS NOT DISTINCT;

-- Finds the orders that nobody has paid for in time.
CREATE INDEX rental_unpaid ON rental (order_id) WHERE state = 'unpaid';
