-- What is written often and may be lost for a minute. No foreign key: the writes are many, and on SQLite the table lies in a
-- file of its own.

CREATE TABLE secret_use (
    secret_id text COLLATE "C" NOT NULL PRIMARY KEY,
    last_used_at bigint NOT NULL,
    ip text COLLATE "C",
    user_agent text COLLATE "C",
    uses bigint NOT NULL
);
