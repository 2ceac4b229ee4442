-- Rentals; what is needed to watch and to hand out films; cancelled orders. None of it is part of an edition.

-- What the owner said of renting a film. NULL: as the settings say; of copies: no limit. Outlives imports.
CREATE TABLE rental_terms (
    film_id     text COLLATE "C" PRIMARY KEY CHECK (length(film_id) BETWEEN 1 AND 10),
    start_days  integer CHECK (start_days BETWEEN 1 AND 3650),
    hours       integer CHECK (hours BETWEEN 1 AND 87600),
    copies      integer CHECK (copies >= 0)
);

-- A film with a feature is watched, one without is picked up. Outlives imports.
CREATE TABLE video (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    film_id     text COLLATE "C" NOT NULL CHECK (length(film_id) BETWEEN 1 AND 10),
    kind        text NOT NULL CHECK (kind IN ('feature', 'trailer')),
    location    text NOT NULL,                     -- a path below the media directory, or an http(s) address
    subtitles   jsonb NOT NULL DEFAULT '{}',       -- paths below the media directory, by language
    added       timestamptz NOT NULL,
    UNIQUE (film_id, kind, location)
);

-- One row for each unit sold. Terms and way are those of the moment it was sold.
CREATE TABLE rental (
    order_id    bigint NOT NULL,
    place       smallint NOT NULL,                 -- of the order's line
    unit        smallint NOT NULL CHECK (unit > 0),
    id          bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    account_id  integer NOT NULL REFERENCES account,
    film_id     text COLLATE "C" NOT NULL,
    way         text NOT NULL CHECK (way IN ('watch', 'pick up')),
    start_days  integer NOT NULL CHECK (start_days > 0),
    hours       integer NOT NULL CHECK (hours > 0),
    state       text NOT NULL CHECK (state IN ('unpaid', 'waiting', 'running', 'over', 'cancelled')),
    paid        timestamptz,
    start_by    timestamptz,                       -- it lapses at this moment, unless it began before
    began       timestamptz,                       -- of a copy: when it was handed out
    ends_at     timestamptz,
    ended       timestamptz,
    returned    timestamptz,                       -- when the copy was taken back
    lost        timestamptz,                       -- when the copy was written off
    PRIMARY KEY (order_id, place, unit),
    FOREIGN KEY (order_id, place) REFERENCES order_line (order_id, place),
    CHECK ((paid IS NULL) = (start_by IS NULL)),
    CHECK ((began IS NULL) = (ends_at IS NULL)),
    CHECK (paid IS NOT NULL OR state IN ('unpaid', 'cancelled')),
    CHECK (state <> 'running' OR began IS NOT NULL),
    CHECK (state NOT IN ('unpaid', 'waiting') OR began IS NULL),
    CHECK ((ended IS NULL) = (state IN ('unpaid', 'waiting', 'running'))),
    CHECK (returned IS NULL OR lost IS NULL),
    CHECK ((returned IS NULL AND lost IS NULL) OR (way = 'pick up' AND began IS NOT NULL))
);
CREATE INDEX rental_account ON rental (account_id, film_id);
CREATE INDEX rental_start_by ON rental (start_by) WHERE state = 'waiting';
CREATE INDEX rental_ends_at ON rental (ends_at) WHERE state = 'running';
-- The rentals that have a copy, reserved or out.
CREATE INDEX rental_copy ON rental (film_id) WHERE way = 'pick up' AND returned IS NULL AND lost IS NULL
    AND (state IN ('unpaid', 'waiting') OR began IS NOT NULL);

-- With which code an order's copies are picked up.
CREATE TABLE pickup (
    order_id    bigint PRIMARY KEY REFERENCES shop_order,
    code        text COLLATE "C" NOT NULL UNIQUE CHECK (length(code) = 8)
);

-- How far somebody has watched a film; of a series, the last episode.
CREATE TABLE progress (
    account_id  integer NOT NULL REFERENCES account ON DELETE CASCADE,
    film_id     text COLLATE "C" NOT NULL,
    season      integer CHECK (season >= 0),
    episode     integer CHECK (episode >= 0),
    position    double precision CHECK (position >= 0),  -- seconds
    duration    double precision CHECK (duration >= 0),  -- seconds
    updated     timestamptz NOT NULL,
    PRIMARY KEY (account_id, film_id)
);

-- A cancelled order, and its refund: initiated until the payment provider answers.
CREATE TABLE cancellation (
    order_id    bigint PRIMARY KEY REFERENCES shop_order,
    account_id  integer REFERENCES account,        -- who cancelled it; NULL: the command line
    reason      text NOT NULL CHECK (length(reason) <= 500),
    cancelled   timestamptz NOT NULL,
    amount      numeric(12, 2) NOT NULL CHECK (amount >= 0),
    refund      text NOT NULL CHECK (refund IN ('not requested', 'initiated', 'completed', 'failed')),
    answered    timestamptz,
    CHECK ((answered IS NULL) = (refund IN ('not requested', 'initiated')))
);
CREATE INDEX cancellation_initiated ON cancellation (cancelled) WHERE refund = 'initiated';

-- Finds the orders that a process of the version before places while processes are replaced one by one.
CREATE INDEX shop_order_placed ON shop_order USING brin (placed);

-- Orders sold before have rentals that are over.
INSERT INTO rental (order_id, place, unit, account_id, film_id, way, start_days, hours, state, paid, start_by, ended)
SELECT l.order_id, l.place, u, o.account_id, l.film_id, 'watch', 30, 48, 'over', o.placed, o.placed, o.placed
FROM order_line l JOIN shop_order o ON o.id = l.order_id CROSS JOIN generate_series(1, l.quantity) u
ORDER BY o.place, l.place, u;
