-- What must not be lost. Ids are TypeIDs, instants microseconds since 1970 UTC, JSON is text.
-- Closed lists (standing, reach, …) carry no CHECK: a value that a newer build adds must not need a rebuilt table. Readers refuse what they do not know.

-- SQLite has it; statements that hand over many rows as one text need the same name here.
CREATE FUNCTION hex(bytea) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT encode($1, 'hex') $$;

CREATE TABLE organization (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    parent_id text COLLATE "C" REFERENCES organization (id),
    slug text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    name_key text COLLATE "C" NOT NULL,
    external_id text COLLATE "C",
    status text COLLATE "C" NOT NULL,
    policy text COLLATE "C" NOT NULL,
    allowed_ips text COLLATE "C",
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
CREATE UNIQUE INDEX organization_slug ON organization (slug);
CREATE UNIQUE INDEX organization_external_id ON organization (external_id) WHERE external_id IS NOT NULL;
-- One tree has one root.
CREATE UNIQUE INDEX organization_root ON organization ((parent_id IS NULL)) WHERE parent_id IS NULL;
CREATE INDEX organization_parent ON organization (parent_id, name_key, id);

-- Every pair of an organization and one above it, itself included: whatever is asked about the tree is one look-up here.
CREATE TABLE organization_closure (
    ancestor_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    descendant_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    depth bigint NOT NULL,
    PRIMARY KEY (ancestor_id, descendant_id)
);
CREATE INDEX organization_closure_descendant ON organization_closure (descendant_id, depth);

CREATE TABLE installation (
    id bigint NOT NULL PRIMARY KEY CHECK (id = 1),
    root_organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    created_at bigint NOT NULL,
    claimed_at bigint,
    master_key_id text COLLATE "C"
);

CREATE TABLE "user" (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    name text COLLATE "C" NOT NULL,
    name_key text COLLATE "C" NOT NULL,
    email text COLLATE "C",
    external_id text COLLATE "C",
    service boolean NOT NULL,
    status text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
CREATE UNIQUE INDEX user_email ON "user" (email) WHERE email IS NOT NULL;
CREATE UNIQUE INDEX user_external_id ON "user" (organization_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX user_organization ON "user" (organization_id, name_key, id);

CREATE TABLE role (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    built_in text COLLATE "C",
    name text COLLATE "C" NOT NULL,
    name_key text COLLATE "C" NOT NULL,
    description text COLLATE "C" NOT NULL,
    permissions text COLLATE "C" NOT NULL,
    api_access boolean NOT NULL,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
CREATE UNIQUE INDEX role_name ON role (organization_id, name_key);

CREATE TABLE member (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    user_id text COLLATE "C" NOT NULL REFERENCES "user" (id),
    role_id text COLLATE "C" NOT NULL REFERENCES role (id),
    extra_permissions text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
CREATE UNIQUE INDEX member_user ON member (user_id, organization_id);
CREATE INDEX member_organization ON member (organization_id);
CREATE INDEX member_role ON member (role_id);

CREATE TABLE api (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    slug text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    prefix text COLLATE "C" NOT NULL,
    key_locations text COLLATE "C" NOT NULL,
    versions text COLLATE "C" NOT NULL,
    one_key_per_user boolean NOT NULL,
    expiry_days_default bigint,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    -- The row stays for the revoked keys that name it.
    deleted_at bigint
);
CREATE UNIQUE INDEX api_slug ON api (slug) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX api_prefix ON api (prefix) WHERE deleted_at IS NULL;
CREATE INDEX api_organization ON api (organization_id);

-- Rows of revoked keys stay: they keep the history, and their digests are refused for ever. They do not keep their role, though:
-- it may be deleted once no live key has it, hence no foreign key.
CREATE TABLE key (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    api_id text COLLATE "C" NOT NULL REFERENCES api (id),
    name text COLLATE "C" NOT NULL,
    name_key text COLLATE "C" NOT NULL,
    description text COLLATE "C" NOT NULL,
    role_id text COLLATE "C",
    scopes text COLLATE "C",
    owner_id text COLLATE "C" REFERENCES "user" (id),
    mapped_user_id text COLLATE "C" REFERENCES "user" (id),
    expires_at bigint,
    allowed_ips text COLLATE "C",
    reach text COLLATE "C" NOT NULL,
    standing text COLLATE "C" NOT NULL,
    revoked_at bigint,
    revocation_reason text COLLATE "C",
    origin text COLLATE "C" NOT NULL,
    personal boolean NOT NULL,
    sole boolean NOT NULL,
    stored_in text COLLATE "C",
    metadata text COLLATE "C",
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    created_by text COLLATE "C",
    updated_at bigint NOT NULL
);
CREATE UNIQUE INDEX key_organization ON key (organization_id, id);
CREATE UNIQUE INDEX key_name ON key (organization_id, name_key, api_id) WHERE standing <> 'revoked';
CREATE UNIQUE INDEX key_personal ON key (organization_id, owner_id) WHERE personal AND standing <> 'revoked';
-- What the api says of its keys stands in each of them, since an index looks into one table.
CREATE UNIQUE INDEX key_sole ON key (organization_id, mapped_user_id, api_id) WHERE sole AND standing <> 'revoked';
-- Personal keys are few among many, and looked at as a list of users: by their names, which are the keys' own.
CREATE INDEX key_personal_list ON key (organization_id, id) WHERE personal;
CREATE INDEX key_personal_name ON key (organization_id, name_key, id) WHERE personal AND standing <> 'revoked';
-- Without imported ones: those are most where there are any, found without help, and written a million at a time.
CREATE INDEX key_origin ON key (organization_id, origin, id) WHERE origin <> 'import';
CREATE INDEX key_api ON key (organization_id, api_id, id);
-- Live keys by what they hang on, wherever they stand: of an installation with very many organizations nobody goes through all of them.
CREATE INDEX key_owner ON key (owner_id, id) WHERE owner_id IS NOT NULL AND standing <> 'revoked';
CREATE INDEX key_mapped_user_live ON key (mapped_user_id, id) WHERE mapped_user_id IS NOT NULL AND standing <> 'revoked';
CREATE INDEX key_api_live ON key (api_id) WHERE standing <> 'revoked';
-- For lists by owner and by mapped user.
CREATE INDEX key_owner_list ON key (organization_id, owner_id, id) WHERE owner_id IS NOT NULL;
CREATE INDEX key_mapped_user ON key (organization_id, mapped_user_id, id) WHERE mapped_user_id IS NOT NULL;
CREATE INDEX key_role ON key (role_id, organization_id, id) WHERE role_id IS NOT NULL;
-- What never ends comes after everything that does.
CREATE INDEX key_expiry ON key (organization_id, (coalesce(expires_at, 9223372036854775807)), id) WHERE standing <> 'revoked';
-- Live keys among many revoked ones, and the other way round.
CREATE INDEX key_live ON key (organization_id, id) WHERE standing <> 'revoked';
CREATE INDEX key_inactive ON key (organization_id, id) WHERE standing = 'inactive';
CREATE INDEX key_revoked ON key (organization_id, id) WHERE standing = 'revoked';
CREATE INDEX key_revoked_name ON key (organization_id, name_key, id) WHERE standing = 'revoked';
CREATE INDEX key_revoked_expiry ON key (organization_id, (coalesce(expires_at, 9223372036854775807)), id) WHERE standing = 'revoked';

-- How many live keys an organization has: a number that is kept, since counting a million rows before each new one is no guard.
CREATE TABLE key_count (
    organization_id text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES organization (id),
    live bigint NOT NULL CHECK (0 <= live)
);

-- A key's secrets lie together, in the order of the keys, so that a load of all reads them in one sweep.
CREATE TABLE secret (
    key_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    organization_id text COLLATE "C" NOT NULL,
    access_id text COLLATE "C",
    digest bytea NOT NULL CHECK (length(digest) = 32),
    state text COLLATE "C" NOT NULL,
    retiring_until bigint,
    ended_at bigint,
    created_at bigint NOT NULL,
    replaced_at bigint,
    PRIMARY KEY (key_id, id),
    FOREIGN KEY (organization_id, key_id) REFERENCES key (organization_id, id)
);
CREATE UNIQUE INDEX secret_digest ON secret (digest);
CREATE UNIQUE INDEX secret_current ON secret (key_id) WHERE state = 'current';
CREATE INDEX secret_access ON secret (access_id) WHERE access_id IS NOT NULL;

-- What seals the copies of an organization's secrets, wrapped by the master key, which stands in no database. One that was destroyed is
-- wrapped in nothing any more: nobody opens what it sealed, and its row goes with the last of that.
CREATE TABLE data_key (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    purpose text COLLATE "C" NOT NULL,
    master_key_id text COLLATE "C" NOT NULL,
    wrapped bytea,
    created_at bigint NOT NULL,
    destroyed_at bigint
);
CREATE UNIQUE INDEX data_key_organization ON data_key (organization_id, id);
CREATE UNIQUE INDEX data_key_live ON data_key (purpose, organization_id) WHERE wrapped IS NOT NULL;
CREATE INDEX data_key_destroyed ON data_key (id) WHERE wrapped IS NULL;
CREATE INDEX data_key_master ON data_key (master_key_id, id) WHERE wrapped IS NOT NULL;

-- Sealed copies of secrets, to be shown again. They are not in the secret's row, which is read with all others at every start.
CREATE TABLE sealed_copy (
    key_id text COLLATE "C" NOT NULL,
    secret_id text COLLATE "C" NOT NULL,
    organization_id text COLLATE "C" NOT NULL,
    data_key_id text COLLATE "C" NOT NULL,
    sealed bytea NOT NULL,
    -- When its secret ends, where that is known.
    ends_at bigint,
    PRIMARY KEY (key_id, secret_id),
    FOREIGN KEY (key_id, secret_id) REFERENCES secret (key_id, id),
    FOREIGN KEY (organization_id, key_id) REFERENCES key (organization_id, id),
    FOREIGN KEY (organization_id, data_key_id) REFERENCES data_key (organization_id, id)
);
CREATE INDEX sealed_copy_data_key ON sealed_copy (data_key_id, key_id, secret_id);
CREATE INDEX sealed_copy_end ON sealed_copy (ends_at) WHERE ends_at IS NOT NULL;

-- Shared secrets, sealed. What has ended is deleted.
CREATE TABLE shared_secret (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    state text COLLATE "C" NOT NULL,
    retiring_until bigint,
    data_key_id text COLLATE "C" NOT NULL,
    sealed bytea NOT NULL,
    created_at bigint NOT NULL,
    FOREIGN KEY (organization_id, data_key_id) REFERENCES data_key (organization_id, id)
);
CREATE INDEX shared_secret_organization ON shared_secret (organization_id, id);
CREATE UNIQUE INDEX shared_secret_current ON shared_secret (organization_id) WHERE state = 'current';
CREATE INDEX shared_secret_end ON shared_secret (retiring_until) WHERE retiring_until IS NOT NULL;
CREATE INDEX shared_secret_data_key ON shared_secret (data_key_id);

-- Assertions that were used to sign in, by the digest of their jti, for as long as one could be used again.
CREATE TABLE used_assertion (
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    id_digest text COLLATE "C" NOT NULL CHECK (length(id_digest) = 64),
    until bigint NOT NULL,
    PRIMARY KEY (organization_id, id_digest)
);
CREATE INDEX used_assertion_end ON used_assertion (until);

-- Keys that sign access tokens, sealed under a data key of the root; one is the next, one signs, some are retired.
CREATE TABLE signing_key (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    state text COLLATE "C" NOT NULL,
    retired_until bigint,
    public_key bytea NOT NULL CHECK (length(public_key) = 32),
    data_key_id text COLLATE "C" NOT NULL,
    sealed bytea NOT NULL,
    created_at bigint NOT NULL,
    -- Since when it signs.
    current_at bigint,
    version bigint NOT NULL,
    FOREIGN KEY (organization_id, data_key_id) REFERENCES data_key (organization_id, id)
);
CREATE UNIQUE INDEX signing_key_state ON signing_key (state) WHERE state <> 'retired';
CREATE INDEX signing_key_data_key ON signing_key (data_key_id);

-- Sign-ins whose tokens were taken back before they were over.
CREATE TABLE ended_sign_in (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    key_id text COLLATE "C" NOT NULL,
    until bigint NOT NULL
);
CREATE INDEX ended_sign_in_end ON ended_sign_in (until);
CREATE INDEX ended_sign_in_key ON ended_sign_in (key_id, id);

CREATE TABLE import (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    source_digest bytea NOT NULL CHECK (length(source_digest) = 32),
    source_name text COLLATE "C" NOT NULL,
    api_id text COLLATE "C" NOT NULL REFERENCES api (id),
    role_id text COLLATE "C",
    scopes text COLLATE "C",
    owner_id text COLLATE "C" REFERENCES "user" (id),
    mapped_user_id text COLLATE "C" REFERENCES "user" (id),
    next_line bigint NOT NULL,
    accepted bigint NOT NULL,
    existing bigint NOT NULL,
    rejected bigint NOT NULL,
    rejected_lines text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    created_by text COLLATE "C",
    updated_at bigint NOT NULL,
    finished_at bigint
);
CREATE UNIQUE INDEX import_source ON import (organization_id, source_digest);
CREATE INDEX import_organization ON import (organization_id, id);

-- Users who left an organization while more of their keys, there and below, had to be released than one event stands for. The row goes with
-- the last of them.
CREATE TABLE leaving (
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    user_id text COLLATE "C" NOT NULL REFERENCES "user" (id),
    released_until text COLLATE "C",
    created_at bigint NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);

CREATE TABLE password (
    user_id text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES "user" (id),
    phc text COLLATE "C" NOT NULL,
    updated_at bigint NOT NULL,
    signed_in_at bigint
);

CREATE TABLE session (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    token_digest bytea NOT NULL CHECK (length(token_digest) = 32),
    user_id text COLLATE "C" NOT NULL REFERENCES "user" (id),
    created_at bigint NOT NULL,
    last_seen_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    user_agent text COLLATE "C",
    ip text COLLATE "C"
);
CREATE UNIQUE INDEX session_token ON session (token_digest);
CREATE INDEX session_of_user ON session (user_id, id);
CREATE INDEX session_expiry ON session (expires_at);

CREATE TABLE link (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    token_digest bytea NOT NULL CHECK (length(token_digest) = 32),
    purpose text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL REFERENCES "user" (id),
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    used_at bigint
);
CREATE UNIQUE INDEX link_token ON link (token_digest);
CREATE INDEX link_of_user ON link (user_id);

-- The caller stands in the primary key: with somebody else's Idempotency-Key nobody reads somebody else's answer.
CREATE TABLE idempotency (
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    caller text COLLATE "C" NOT NULL,
    idempotency_key text COLLATE "C" NOT NULL,
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    status bigint NOT NULL,
    response text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (organization_id, caller, idempotency_key)
);
CREATE INDEX idempotency_created ON idempotency (created_at);

-- Where each stream ends.
CREATE TABLE log_head (
    stream text COLLATE "C" NOT NULL PRIMARY KEY,
    epoch bigint NOT NULL,
    seq bigint NOT NULL
);
INSERT INTO log_head (stream, epoch, seq) VALUES ('change', 1, 0), ('host', 1, 0), ('denied', 1, 0);

-- What the log would refuse is refused here, with its transaction: later it would stand in the way of all others.
-- Committed events that have no place in the log yet, in the order in which they get one. SQLite has none of this: its one writer knows the place.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL UNIQUE,
    kind text COLLATE "C" NOT NULL,
    v bigint NOT NULL,
    at bigint NOT NULL,
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    actor_user_id text COLLATE "C",
    actor_key_id text COLLATE "C",
    actor_job text COLLATE "C",
    entity_kind text COLLATE "C" NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    touched text COLLATE "C" NOT NULL,
    first_key_id text COLLATE "C",
    last_key_id text COLLATE "C",
    commitment bytea CHECK (length(commitment) = 32),
    salt bytea CHECK (length(salt) = 32),
    body text COLLATE "C"
);

-- The processes that run on this database: when each was last heard, by this database's clock, and up to where it has applied the log (nothing
-- while it loads). SQLite has none of this: its one process knows itself.
CREATE TABLE node (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    started_at bigint NOT NULL,
    seen_at bigint NOT NULL,
    epoch bigint,
    seq bigint
);

-- The metadata of an event, which stays. `touched` is a JSON list of ids; bulk work touches the keys from first_key_id to last_key_id.
CREATE TABLE event (
    stream text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    v bigint NOT NULL,
    at bigint NOT NULL,
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    actor_user_id text COLLATE "C",
    actor_key_id text COLLATE "C",
    actor_job text COLLATE "C",
    entity_kind text COLLATE "C" NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    touched text COLLATE "C" NOT NULL,
    first_key_id text COLLATE "C",
    last_key_id text COLLATE "C",
    commitment bytea CHECK (length(commitment) = 32),
    PRIMARY KEY (stream, epoch, seq)
);
CREATE UNIQUE INDEX event_id ON event (id);
CREATE INDEX event_organization ON event (organization_id, stream, epoch, seq);
CREATE INDEX event_entity ON event (entity_id, stream, epoch, seq);
CREATE INDEX event_keys ON event (organization_id, last_key_id) WHERE last_key_id IS NOT NULL;

-- The keys that an event is about besides the entity that it names, so that their history shows it: those of bulk work, one row for each.
-- Those of an import are a range, which the event holds itself. Written before the event has its place, hence no foreign key.
CREATE TABLE event_touch (
    entity_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (entity_id, event_id)
);

-- What can be erased of an event. The metadata holds commitment = SHA-256(salt, body), so that an erased body leaves the log provable
-- and nobody guesses it back.
CREATE TABLE event_body (
    stream text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    salt bytea NOT NULL CHECK (length(salt) = 32),
    body text COLLATE "C" NOT NULL,
    PRIMARY KEY (stream, epoch, seq),
    FOREIGN KEY (stream, epoch, seq) REFERENCES event (stream, epoch, seq)
);
