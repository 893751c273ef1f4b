-- What hosts say of their own api: of each version its OpenAPI document, whose guide is '', and guides in Markdown.
CREATE TABLE api_document (
    api_id text COLLATE "C" NOT NULL REFERENCES api (id),
    api_version text COLLATE "C" NOT NULL,
    guide text COLLATE "C" NOT NULL,
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    title text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    body text COLLATE "C" NOT NULL,
    bytes bigint NOT NULL,
    version bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (api_id, api_version, guide)
);
CREATE INDEX api_document_organization ON api_document (organization_id);
