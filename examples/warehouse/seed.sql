-- A shop: customers, and orders that change now and then.
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, country text NOT NULL, tags text[] NOT NULL);
INSERT INTO customers
SELECT n, 'Customer ' || n, (ARRAY['DE', 'FR', 'PL', 'ES'])[n % 4 + 1], ARRAY['news', CASE WHEN n % 3 = 0 THEN 'gold' ELSE 'basic' END]
FROM generate_series(1, 2000) n;

CREATE TABLE orders (id bigint PRIMARY KEY, customer int NOT NULL, article int NOT NULL, total numeric(10, 2) NOT NULL,
                     updated_at timestamptz NOT NULL);
INSERT INTO orders
SELECT n, (n * 7919) % 2000 + 1, (n * 31) % 5000 + 5001, (n % 500) + 0.99, timestamptz '2026-01-01 00:00:00Z' + n / 10 * interval '1 second'
FROM generate_series(1, 6000) n;
CREATE INDEX ON orders (updated_at, id);
