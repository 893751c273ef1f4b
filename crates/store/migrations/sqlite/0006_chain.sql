-- The chain: every change of an organization is linked to the one before it. `number` counts an organization's links without a gap.
CREATE TABLE chain_link (
    organization_id TEXT NOT NULL REFERENCES organization (id),
    number INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    link BLOB NOT NULL CHECK (length(link) = 32),
    PRIMARY KEY (organization_id, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX chain_link_place ON chain_link (epoch, seq);
