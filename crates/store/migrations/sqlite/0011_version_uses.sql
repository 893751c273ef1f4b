-- Requests of a key on a day by the version of the api that they said they call. In the order of time, so that what is written now lies together.
CREATE TABLE version_use (
    since INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    api_version TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    allowed INTEGER NOT NULL,
    PRIMARY KEY (since, key_id, api_version)
) STRICT, WITHOUT ROWID;
