-- The office's orders and takings (docs/decisions/0031-prices-and-takings.md).

-- The last four digits of a card that a payment provider keeps. Of a card on file they are in ``payment``.
ALTER TABLE shop_order ADD COLUMN last_four text CHECK (last_four ~ '^[0-9]{4}$');

-- Lists of orders, and what finds them (shop/order_list_queries.py).
CREATE INDEX shop_order_time ON shop_order (placed, place);
CREATE INDEX shop_order_last_four
    ON shop_order ((coalesce(last_four, substring(payment FROM '^card on file ([0-9]{4})$'))));
CREATE INDEX account_person ON account USING gin (lower(first_name || ' ' || last_name || ' ' || email) gin_trgm_ops);
CREATE INDEX cancellation_owed ON cancellation (order_id) WHERE refund IN ('initiated', 'failed');
CREATE INDEX mail_order ON mail (link_id) WHERE kind IN ('order', 'receipt', 'cancelled', 'refunded');

-- The moments that takings count by (office/takings_queries.py): of the sale, and of the cancelling.
CREATE INDEX shop_order_sold
    ON shop_order ((CASE WHEN payment = 'counter' THEN captured ELSE placed END)) INCLUDE (id, total);
CREATE INDEX cancellation_time ON cancellation (cancelled) INCLUDE (order_id, amount);
