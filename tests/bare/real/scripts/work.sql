PRAGMA journal_mode = WAL;
CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT UNIQUE, balance INTEGER CHECK (balance >= 0));
CREATE TABLE entry (account INTEGER REFERENCES account, amount INTEGER, note TEXT);
CREATE INDEX entry_account ON entry (account);
BEGIN;
WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
INSERT INTO account SELECT i, printf('name-%05d', i * 7919 % 2003), i * 10 FROM n;
COMMIT;
BEGIN; UPDATE account SET balance = balance - 100 WHERE id > 50; INSERT INTO entry SELECT id, -100, 'fee' FROM account WHERE id > 50; COMMIT;
BEGIN; DELETE FROM account WHERE id % 2; SELECT count(*) FROM account; ROLLBACK;
SELECT count(*), sum(balance), max(name) FROM account;
UPDATE account SET balance = -1 WHERE id = 7;
SELECT a.name, sum(e.amount) FROM account a JOIN entry e ON e.account = a.id WHERE a.id IN (51, 1000) GROUP BY a.id ORDER BY 1;
SELECT group_concat(substr(name, 6)) FROM (SELECT name FROM account ORDER BY name LIMIT 5);
ATTACH '/tmp/second.db' AS second; CREATE TABLE second.copy AS SELECT * FROM account; SELECT count(*) FROM second.copy;
PRAGMA journal_mode = DELETE; VACUUM; PRAGMA integrity_check; PRAGMA second.integrity_check; PRAGMA foreign_key_check;
SELECT json_extract('{"a":[1,2,{"b":3}]}', '$.a[2].b'), abs(-5), hex(zeroblob(4)), strftime('%Y', 0, 'unixepoch');
.schema entry
