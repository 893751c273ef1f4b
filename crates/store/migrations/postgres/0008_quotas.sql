-- What keys have used of their quota of a day, and have had written down ahead. Written often, and so beside what was used.
CREATE TABLE quota_use (
    day bigint NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    organization_id text COLLATE "C" NOT NULL,
    used bigint NOT NULL,
    PRIMARY KEY (day, key_id)
);
