-- The office finds people whether their accents are typed or not: "jose nunez", or "Nunez, Jose", is José Núñez.

-- As search_form of catalogue/folding.py, for what names and addresses have: case, accents and compatibility forms ignored.
CREATE FUNCTION without_accents(text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN normalize(replace(replace(replace(replace(translate(
    regexp_replace(normalize(lower($1 COLLATE "default"), NFKD), '[\u0300-\u036f]', '', 'g'),
    'øłđħŧðı', 'oldhtdi'), 'þ', 'th'), 'æ', 'ae'), 'œ', 'oe'), 'ß', 'ss'), NFC);

-- What the office finds people by from now on. The version before reads account.searched, so that stays for now.
ALTER TABLE account ADD COLUMN found_by text NOT NULL GENERATED ALWAYS AS (
    without_accents(first_name || ' ' || last_name || ' ' || first_name || ' ' || email || ' ' || email_key)
) STORED;
CREATE INDEX account_found_by ON account USING gin (found_by gin_trgm_ops);
