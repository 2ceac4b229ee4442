-- What the owner says of their shop: its name and looks, how to reach it, when it is open. Outside the editions, as no
-- import touches it. ``revision``: by which processes notice a change, also of the pages below.
CREATE TABLE shop_settings (
    is_only     boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    revision    bigint NOT NULL DEFAULT 0,
    settings    jsonb NOT NULL DEFAULT '{}',
    mark        bytea                           -- the shop's picture, a PNG of our own making
);
INSERT INTO shop_settings DEFAULT VALUES;

-- The shop's own pages, such as its imprint, in Markdown. ``former_…``: before the last change, to go back to.
CREATE TABLE own_page (
    slug            text PRIMARY KEY CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    title           text NOT NULL,
    body            text NOT NULL,
    former_title    text,
    former_body     text,
    position        integer NOT NULL            -- among the links of the footer
);
