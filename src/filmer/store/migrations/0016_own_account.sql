-- What people do with their accounts themselves (contract §12.1, §12.2): keep signed in, forget passwords, move.

-- A browser that stays signed in for 30 days. Its token is made from this row with the secret key, and stands nowhere.
CREATE SEQUENCE sign_in_id;  -- of sessions too: a page names either by one number
CREATE TABLE kept_sign_in (
    id          bigint PRIMARY KEY DEFAULT nextval('sign_in_id'),
    account_id  integer NOT NULL REFERENCES account ON DELETE CASCADE,
    device      text NOT NULL,                     -- "Firefox on Linux"
    created     timestamptz NOT NULL,
    turn        integer NOT NULL DEFAULT 1,        -- counts its tokens: each is good once
    turned      timestamptz NOT NULL               -- when the last one was made
);
CREATE INDEX kept_sign_in_account ON kept_sign_in (account_id);

ALTER TABLE session
    ADD COLUMN id bigint NOT NULL DEFAULT nextval('sign_in_id'),
    ADD COLUMN device text NOT NULL DEFAULT '',
    ADD COLUMN kept_id bigint REFERENCES kept_sign_in ON DELETE CASCADE;
CREATE INDEX session_kept ON session (kept_id) WHERE kept_id IS NOT NULL;

-- Links with which a password can be chosen. Ids are drawn at random: those of a restored backup are not given out again.
CREATE TABLE new_password_link (
    id          bigint PRIMARY KEY,
    account_id  integer REFERENCES account ON DELETE CASCADE,  -- NULL: of an address without an account, asked for alike
    until       timestamptz NOT NULL
);
CREATE INDEX new_password_link_account ON new_password_link (account_id);

-- Addresses whose mail has a link that was not followed yet: the next one of an account, or of one that is to be opened.
CREATE TABLE unconfirmed_address (
    id          bigint PRIMARY KEY,
    account_id  integer REFERENCES account ON DELETE CASCADE,
    email       text NOT NULL CHECK (length(email) BETWEEN 3 AND 255),
    first_name  text,
    last_name   text,
    password    text CHECK (password LIKE '$argon2id$%'),
    until       timestamptz NOT NULL,
    CHECK (account_id IS NOT NULL OR (first_name IS NOT NULL AND last_name IS NOT NULL AND password IS NOT NULL))
);
CREATE INDEX unconfirmed_address_account ON unconfirmed_address (account_id);
