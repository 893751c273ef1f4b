-- What hosts say of their own api: of each version its OpenAPI document, whose guide is '', and guides in Markdown.
CREATE TABLE api_document (
    api_id TEXT NOT NULL REFERENCES api (id),
    api_version TEXT NOT NULL,
    guide TEXT NOT NULL,
    organization_id TEXT NOT NULL REFERENCES organization (id),
    title TEXT NOT NULL,
    position INTEGER NOT NULL,
    body TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (api_id, api_version, guide)
) STRICT, WITHOUT ROWID;
CREATE INDEX api_document_organization ON api_document (organization_id);
