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

-- Requests of a key in an hour or a day. In the order of time, so that what is written now lies together.
CREATE TABLE key_usage (
    seconds INTEGER NOT NULL,
    since INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    allowed INTEGER NOT NULL,
    denied INTEGER NOT NULL,
    PRIMARY KEY (seconds, since, key_id)
) STRICT, WITHOUT ROWID;

-- The latest requests that were refused although their key is known.
CREATE TABLE denied_request (
    key_id TEXT NOT NULL,
    denied_at INTEGER NOT NULL,
    organization_id TEXT NOT NULL,
    code TEXT NOT NULL,
    ip TEXT,
    user_agent TEXT,
    PRIMARY KEY (key_id, denied_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX denied_request_at ON denied_request (denied_at);
