-- What is written often and may be lost for a minute. No foreign key: the writes are many, and on SQLite the table lies in a
-- file of its own.

CREATE TABLE secret_use (
    key_id text COLLATE "C" NOT NULL,
    secret_id text COLLATE "C" NOT NULL,
    organization_id text COLLATE "C" NOT NULL,
    last_used_at bigint NOT NULL,
    ip text COLLATE "C",
    user_agent text COLLATE "C",
    uses bigint NOT NULL,
    PRIMARY KEY (key_id, secret_id)
);
-- Keys in the order of their last use.
CREATE INDEX secret_use_last ON secret_use (organization_id, last_used_at, key_id);
