-- Sums of takings of days that are over (docs/decisions/0036-sums-of-days-that-are-over.md).

-- When an order counts as sold; NULL while it was never paid.
CREATE FUNCTION sold_at(o shop_order) RETURNS timestamptz LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN o.payment = 'counter' THEN o.captured ELSE o.placed END;

-- Each sale, and each refund of one: by the moment it counts. The indexes are shop_order_sold and cancellation_time.
CREATE VIEW takings_entry AS
    SELECT sold_at(o) AS at, id AS order_id, 1 AS orders, total AS sold, 0::numeric AS refunded FROM shop_order o
    UNION ALL SELECT cancelled, order_id, 0, 0::numeric, amount FROM cancellation WHERE amount > 0;

-- Every day from that of the first sale to the last one that is summed, also those without a sale.
CREATE TABLE takings_day (
    day      date PRIMARY KEY,
    orders   bigint NOT NULL,
    sold     numeric NOT NULL,
    refunded numeric NOT NULL
);

-- What was taken, by day; a day that is not summed yet has a row for each entry.
CREATE VIEW takings AS
    SELECT day, orders, sold, refunded FROM takings_day
    UNION ALL SELECT (at AT TIME ZONE 'UTC')::date, orders, sold, refunded FROM takings_entry
    WHERE at >= (SELECT coalesce((max(day) + 1)::timestamp AT TIME ZONE 'UTC', '-infinity') FROM takings_day);

-- The same by film, of days and of months that are summed to their end. ``line``: one of a sale, which has the title.
CREATE TABLE takings_film (
    is_month boolean NOT NULL,
    begins   date NOT NULL,
    film_id  text COLLATE "C" NOT NULL,
    line     bigint NOT NULL,
    units    bigint NOT NULL,
    sold     numeric NOT NULL,
    refunded numeric NOT NULL,
    PRIMARY KEY (is_month, begins, film_id)
);

-- Whatever changes a day that is summed, such as SQL by hand, takes its sums away, and those of the days that follow:
-- they are summed anew. In an open shop this finds nothing, as days are summed a day after their end.
CREATE FUNCTION forget_takings(since timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first date := (since AT TIME ZONE 'UTC')::date;
BEGIN
    DELETE FROM takings_day WHERE day >= first;
    IF FOUND THEN
        DELETE FROM takings_film WHERE begins >= CASE WHEN is_month THEN date_trunc('month', first::timestamp) ELSE first END;
    END IF;
END
$$;

CREATE FUNCTION forget_takings_of_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM forget_takings(least(sold_at(OLD), sold_at(NEW)));
    RETURN NULL;
END
$$;

CREATE FUNCTION forget_takings_of_cancellation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM forget_takings(least(OLD.cancelled, NEW.cancelled));
    RETURN NULL;
END
$$;

CREATE TRIGGER forget_takings AFTER INSERT OR DELETE ON shop_order
    FOR EACH ROW EXECUTE FUNCTION forget_takings_of_order();
CREATE TRIGGER forget_changed_takings AFTER UPDATE ON shop_order FOR EACH ROW
    WHEN ((sold_at(OLD), OLD.total) IS DISTINCT FROM (sold_at(NEW), NEW.total))
    EXECUTE FUNCTION forget_takings_of_order();
CREATE TRIGGER forget_takings AFTER INSERT OR DELETE ON cancellation
    FOR EACH ROW EXECUTE FUNCTION forget_takings_of_cancellation();
CREATE TRIGGER forget_changed_takings AFTER UPDATE ON cancellation FOR EACH ROW
    WHEN ((OLD.cancelled, OLD.amount) IS DISTINCT FROM (NEW.cancelled, NEW.amount))
    EXECUTE FUNCTION forget_takings_of_cancellation();

-- People are looked for in account.searched alone.
DROP INDEX account_person;
