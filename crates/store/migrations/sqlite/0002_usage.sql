-- What is written often and may be lost for a minute. On SQLite it lies in a file of its own, so that it neither waits for
-- changes nor makes them wait; hence no foreign key.

CREATE TABLE secret_use (
    secret_id TEXT NOT NULL PRIMARY KEY,
    last_used_at INTEGER NOT NULL,
    ip TEXT,
    user_agent TEXT,
    uses INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
