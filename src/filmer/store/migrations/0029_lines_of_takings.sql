-- What takings_entry has of each order, for each of its lines (docs/decisions/0036-sums-of-days-that-are-over.md).
-- ``line``: its id.
CREATE VIEW takings_line AS
    SELECT e.at, l.film_id, l.id AS line, l.quantity * e.orders AS units,
        CASE WHEN e.orders > 0 THEN l.price * l.quantity ELSE 0 END AS sold,
        CASE WHEN e.orders > 0 THEN 0 ELSE l.price * l.quantity END AS refunded
    FROM takings_entry e JOIN order_line l USING (order_id);
