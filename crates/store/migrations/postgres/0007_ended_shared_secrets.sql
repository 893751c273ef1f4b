-- Shared secrets that have ended, or will by themselves: the tokens that were got by them end then too. Each is remembered until none of them could
-- be good any more.
CREATE TABLE ended_shared_secret (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    ends_at bigint NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX ended_shared_secret_end ON ended_shared_secret (ends_at);

INSERT INTO ended_shared_secret (id, organization_id, ends_at, version)
SELECT id, organization_id, retiring_until, 1 FROM shared_secret WHERE retiring_until IS NOT NULL;
