-- The addresses that an account had before: mails to them that name no account go with its person (contract §12.3).

CREATE TABLE former_address (
    account_id  integer NOT NULL REFERENCES account ON DELETE CASCADE,
    email       text NOT NULL,
    PRIMARY KEY (account_id, email)
);
INSERT INTO former_address
    SELECT account_id, recipient FROM mail WHERE kind = 'address_changed' AND account_id IS NOT NULL
    UNION
    SELECT account_id, fields->'before'->>'email' FROM audit_personal WHERE fields->'before'->>'email' IS NOT NULL;

-- Of those who have left, the last digits of a card on file stood in the reference of what was paid with it.
UPDATE shop_order o SET payment = 'card on file' FROM account a
    WHERE a.id = o.account_id AND a.erased IS NOT NULL AND o.payment ~ '^card on file [0-9]{4}$';
