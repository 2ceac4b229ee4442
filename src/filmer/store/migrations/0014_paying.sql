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

-- Carts of visitors who are not signed in (contract §11). Their lines are rows like everybody's: in ``cart_line``,
-- ``account_id`` is the negative of such a cart's id (docs/decisions/0025-carts-of-visitors.md).
CREATE TABLE guest_cart (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest      bytea NOT NULL UNIQUE CHECK (length(digest) = 32),  -- of the token in the visitor's cookie
    used        timestamptz NOT NULL               -- when it was last changed
);
CREATE INDEX guest_cart_used ON guest_cart (used);
ALTER TABLE cart_line
    DROP CONSTRAINT cart_line_account_id_fkey,
    ADD COLUMN user_id integer GENERATED ALWAYS AS (CASE WHEN account_id >= 0 THEN account_id END) STORED
        REFERENCES account ON DELETE CASCADE,
    ADD COLUMN guest_id integer GENERATED ALWAYS AS (CASE WHEN account_id < 0 THEN -account_id END) STORED
        REFERENCES guest_cart ON DELETE CASCADE;
CREATE INDEX cart_line_user ON cart_line (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX cart_line_guest ON cart_line (guest_id) WHERE guest_id IS NOT NULL;
