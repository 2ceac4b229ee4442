-- Clerks: those who see the counter, orders and customers, and nothing else of the office (contract §13.1).
ALTER TABLE account
    DROP CONSTRAINT account_role_check,
    ADD CONSTRAINT account_role_check CHECK (role IN ('customer', 'clerk', 'admin'));
