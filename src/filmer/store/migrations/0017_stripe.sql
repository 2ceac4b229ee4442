-- Payments by Stripe (docs/decisions/0028-stripe.md).

-- The currency that orders are made in, once FILMER_CURRENCY has named one by its code.
CREATE TABLE shop_currency (
    is_only     boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    code        text NOT NULL CHECK (code ~ '^[A-Z]{3}$')
);

-- What a provider was asked to hold for an order that may follow. Void: none will, and the money is to be released.
CREATE TABLE payment_draft (
    order_id    bigint PRIMARY KEY CHECK (order_id BETWEEN 1 AND 9007199254740991),
    account_id  integer NOT NULL REFERENCES account,
    amount      numeric(12, 2) NOT NULL CHECK (amount > 0),
    currency    text NOT NULL,
    reference   text COLLATE "C" UNIQUE,           -- the provider's own; NULL: it has not answered, and holds nothing
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'ordered', 'void')),
    touched     timestamptz NOT NULL
);
CREATE INDEX payment_draft_not_ordered ON payment_draft (touched) WHERE state <> 'ordered';

-- Who somebody is at Stripe, and the cards that are kept there: their numbers never come here.
CREATE TABLE stripe_customer (
    account_id  integer PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    reference   text COLLATE "C" NOT NULL UNIQUE
);
CREATE TABLE stripe_card (
    id          text COLLATE "C" NOT NULL DEFAULT 'stripe_' || left(replace(gen_random_uuid()::text, '-', ''), 12)
        PRIMARY KEY CHECK (length(id) <= 20),
    account_id  integer NOT NULL REFERENCES account ON DELETE CASCADE,
    reference   text COLLATE "C" NOT NULL UNIQUE,
    fingerprint text NOT NULL,                     -- Stripe's, the same for the same number
    last_four   text NOT NULL CHECK (last_four ~ '^[0-9]{4}$'),
    first_name  text NOT NULL CHECK (length(first_name) BETWEEN 1 AND 100),
    last_name   text NOT NULL CHECK (length(last_name) BETWEEN 1 AND 100),
    expiration  text NOT NULL CHECK (expiration ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
    UNIQUE (account_id, fingerprint)
);

-- What is gone here, and still to be removed at Stripe: whoever deletes the rows above need not think of it.
CREATE TABLE stripe_removal (
    reference   text COLLATE "C" PRIMARY KEY
);
CREATE FUNCTION remember_stripe_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stripe_removal VALUES (OLD.reference) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER removed AFTER DELETE ON stripe_customer FOR EACH ROW EXECUTE FUNCTION remember_stripe_removal();
CREATE TRIGGER removed AFTER DELETE ON stripe_card FOR EACH ROW EXECUTE FUNCTION remember_stripe_removal();
CREATE TRIGGER replaced AFTER UPDATE ON stripe_card FOR EACH ROW WHEN (OLD.reference <> NEW.reference)
    EXECUTE FUNCTION remember_stripe_removal();
