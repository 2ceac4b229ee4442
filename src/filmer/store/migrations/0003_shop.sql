-- Cards, carts, orders.

-- Cards on file. The number is nowhere: a digest keyed with what is not in this database, and the last four.
CREATE TABLE card (
    digest      bytea PRIMARY KEY CHECK (length(digest) = 32),
    last_four   text NOT NULL CHECK (last_four ~ '^[0-9]{4}$'),
    first_name  text NOT NULL CHECK (length(first_name) BETWEEN 1 AND 100),
    last_name   text NOT NULL CHECK (length(last_name) BETWEEN 1 AND 100),
    expiration  text NOT NULL CHECK (expiration ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
    account_id  integer REFERENCES account ON DELETE CASCADE,  -- NULL: whoever knows it may pay with it
    demo        boolean NOT NULL DEFAULT false
);
CREATE INDEX card_account ON card (account_id);

-- Who changes a cart, or buys it, holds the advisory lock of its account (shop/queries.py, lock_cart).
CREATE TABLE cart_line (
    account_id  integer NOT NULL REFERENCES account ON DELETE CASCADE,
    film_id     text COLLATE "C" NOT NULL REFERENCES film_in_use,  -- so that no import drops the film
    place       bigint GENERATED ALWAYS AS IDENTITY,               -- lines keep the order they were added in
    quantity    smallint NOT NULL CHECK (quantity BETWEEN 1 AND 10),
    price       numeric(8, 2) NOT NULL CHECK (price >= 0),         -- as it was last shown: that is what is paid
    PRIMARY KEY (account_id, film_id)
);

CREATE TABLE shop_order (
    id          bigint PRIMARY KEY CHECK (id BETWEEN 1 AND 9007199254740991),  -- 53 random bits
    account_id  integer NOT NULL REFERENCES account,
    place       bigint GENERATED ALWAYS AS IDENTITY,
    placed      timestamptz NOT NULL,
    told        timestamptz NOT NULL,              -- nobody heard of it before; a little after it was placed
    item_count  integer NOT NULL CHECK (item_count > 0),
    total       numeric(12, 2) NOT NULL CHECK (total >= 0),
    submission  bytea NOT NULL,                    -- a keyed digest of what was submitted: tells whether another submit is the same
    payment     text NOT NULL,                     -- the payment provider's reference
    captured    timestamptz                        -- NULL: authorized, and still to be collected
);
CREATE INDEX shop_order_account ON shop_order (account_id, place DESC);
CREATE INDEX shop_order_uncaptured ON shop_order (placed) WHERE captured IS NULL;

-- As sold: what the catalogue says later changes nothing here.
CREATE TABLE order_line (
    id          bigint PRIMARY KEY CHECK (id BETWEEN 1 AND 9007199254740991),
    order_id    bigint NOT NULL REFERENCES shop_order,
    place       smallint NOT NULL,
    film_id     text COLLATE "C" NOT NULL,
    title       text NOT NULL,
    year        smallint,
    quantity    smallint NOT NULL CHECK (quantity BETWEEN 1 AND 10),
    price       numeric(8, 2) NOT NULL CHECK (price >= 0),
    UNIQUE (order_id, place)
);

-- Which order a checkout's Idempotency-Key brought about; kept for a day.
CREATE TABLE checkout_key (
    account_id  integer NOT NULL REFERENCES account,
    key         text COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    submission  bytea NOT NULL,
    order_id    bigint NOT NULL REFERENCES shop_order,
    created     timestamptz NOT NULL,
    PRIMARY KEY (account_id, key)
);
CREATE INDEX checkout_key_created ON checkout_key (created);
