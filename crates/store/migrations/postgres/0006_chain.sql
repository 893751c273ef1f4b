-- The chain: every change of an organization is linked to the one before it. `number` counts an organization's links without a gap.
CREATE TABLE chain_link (
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    number bigint NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    link bytea NOT NULL CHECK (octet_length(link) = 32),
    PRIMARY KEY (organization_id, number)
);
CREATE UNIQUE INDEX chain_link_place ON chain_link (epoch, seq);
