-- What keys have used of their quota of a day, and have had written down ahead. Written often, and so beside what was used.
CREATE TABLE quota_use (
    day INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (day, key_id)
) STRICT, WITHOUT ROWID;
