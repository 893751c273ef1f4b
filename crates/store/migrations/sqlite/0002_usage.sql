-- What is written often and may be lost for a minute. On SQLite it lies in a file of its own, so that it neither waits for
-- changes nor makes them wait; hence no foreign key.

CREATE TABLE secret_use (
    key_id TEXT NOT NULL,
    secret_id TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    last_used_at INTEGER NOT NULL,
    ip TEXT,
    user_agent TEXT,
    uses INTEGER NOT NULL,
    PRIMARY KEY (key_id, secret_id)
) STRICT, WITHOUT ROWID;
-- Keys in the order of their last use.
CREATE INDEX secret_use_last ON secret_use (organization_id, last_used_at, key_id);
