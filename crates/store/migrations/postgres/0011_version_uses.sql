-- Requests of a key on a day by the version of the api that they said they call. In the order of time, so that what is written now lies together.
CREATE TABLE version_use (
    since bigint NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    api_version text COLLATE "C" NOT NULL,
    organization_id text COLLATE "C" NOT NULL,
    allowed bigint NOT NULL,
    PRIMARY KEY (since, key_id, api_version)
);
