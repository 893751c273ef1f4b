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

-- Requests of a key in an hour or a day. In the order of time, so that what is written now lies together.
CREATE TABLE key_usage (
    seconds bigint NOT NULL,
    since bigint NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    organization_id text COLLATE "C" NOT NULL,
    allowed bigint NOT NULL,
    denied bigint NOT NULL,
    PRIMARY KEY (seconds, since, key_id)
);

-- The latest requests that were refused although their key is known.
CREATE TABLE denied_request (
    key_id text COLLATE "C" NOT NULL,
    denied_at bigint NOT NULL,
    organization_id text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    ip text COLLATE "C",
    user_agent text COLLATE "C",
    PRIMARY KEY (key_id, denied_at)
);
CREATE INDEX denied_request_at ON denied_request (denied_at);
