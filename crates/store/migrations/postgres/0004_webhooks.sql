-- What happens is told: what hosts report, who is sent what, and what came of it.

-- What the host's types of events are: for who subscribes to them. `permission` is what it takes to hear of one.
CREATE TABLE event_type (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    entity text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL,
    description text COLLATE "C" NOT NULL,
    permission text COLLATE "C" NOT NULL,
    schema text COLLATE "C",
    example text COLLATE "C",
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
CREATE UNIQUE INDEX event_type_topic ON event_type (organization_id, entity, operation);

-- What hosts report, in a stream of its own: its transaction takes its place itself. Whoever reports gives each event an identifier, by which
-- one that comes twice is known; others who report have others. `body` can be erased.
CREATE TABLE host_event (
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    id text COLLATE "C" NOT NULL,
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    reporter_organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    given_id text COLLATE "C" NOT NULL,
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    entity text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL,
    entity_id text COLLATE "C",
    permission text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    received_at bigint NOT NULL,
    -- Who did it in the host's product, and with which key; who told of it stands apart.
    actor_user_id text COLLATE "C",
    actor_key_id text COLLATE "C",
    reporter_user_id text COLLATE "C",
    reporter_key_id text COLLATE "C",
    body text COLLATE "C",
    PRIMARY KEY (epoch, seq)
);
CREATE UNIQUE INDEX host_event_id ON host_event (id);
CREATE UNIQUE INDEX host_event_given ON host_event (reporter_organization_id, organization_id, given_id);
CREATE INDEX host_event_topic ON host_event (organization_id, entity, operation, epoch, seq);
CREATE INDEX host_event_at ON host_event (organization_id, at, id);
-- What the revision history is narrowed to. Each has a condition, though every row has an operation and an entity: without one SQLite takes the index of
-- all instead, which it thinks as good.
CREATE INDEX host_event_thing ON host_event (organization_id, entity_id, at, id) WHERE entity_id IS NOT NULL;
CREATE INDEX host_event_user ON host_event (organization_id, actor_user_id, at, id) WHERE actor_user_id IS NOT NULL;
CREATE INDEX host_event_key ON host_event (organization_id, actor_key_id, at, id) WHERE actor_key_id IS NOT NULL;
CREATE INDEX host_event_operation ON host_event (organization_id, operation, at, id) WHERE operation IS NOT NULL;
CREATE INDEX host_event_entity ON host_event (organization_id, entity, at, id) WHERE entity IS NOT NULL;
CREATE INDEX host_event_received ON host_event (received_at);

-- Subscriptions. `due_at` is when the earliest of its pending deliveries is due, absent where none is or where it is sent nothing: so whoever
-- sends finds work without walking along what waits elsewhere. `leased_until` is set by whoever sends for it now. One that was deleted has
-- `deleted_at` until its deliveries are cleared away. `hears` is what an organization's own may be told, and empty for one of a key.
CREATE TABLE webhook (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    key_id text COLLATE "C",
    target_url text COLLATE "C" NOT NULL,
    entity text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL,
    hears text COLLATE "C" NOT NULL,
    description text COLLATE "C" NOT NULL,
    reach text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    failing_since bigint,
    failed_at bigint,
    due_at bigint,
    leased_until bigint,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    created_by text COLLATE "C",
    updated_at bigint NOT NULL,
    deleted_at bigint,
    FOREIGN KEY (organization_id, key_id) REFERENCES key (organization_id, id)
);
CREATE UNIQUE INDEX webhook_organization ON webhook (organization_id, id);
CREATE INDEX webhook_live ON webhook (organization_id, id) WHERE deleted_at IS NULL;
CREATE INDEX webhook_key ON webhook (key_id, id) WHERE key_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX webhook_active ON webhook (organization_id, entity, operation) WHERE status = 'active' AND deleted_at IS NULL;
CREATE INDEX webhook_due ON webhook (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deleted ON webhook (deleted_at) WHERE deleted_at IS NOT NULL;

-- What deliveries are signed with, sealed: the current one and, during a rotation, those that retire. What has ended is deleted.
CREATE TABLE webhook_secret (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    webhook_id text COLLATE "C" NOT NULL,
    organization_id text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    retiring_until bigint,
    data_key_id text COLLATE "C" NOT NULL,
    sealed bytea NOT NULL,
    created_at bigint NOT NULL,
    FOREIGN KEY (organization_id, webhook_id) REFERENCES webhook (organization_id, id),
    FOREIGN KEY (organization_id, data_key_id) REFERENCES data_key (organization_id, id)
);
CREATE INDEX webhook_secret_webhook ON webhook_secret (webhook_id, id);
CREATE UNIQUE INDEX webhook_secret_current ON webhook_secret (webhook_id) WHERE state = 'current';
CREATE INDEX webhook_secret_end ON webhook_secret (retiring_until) WHERE retiring_until IS NOT NULL;
CREATE INDEX webhook_secret_data_key ON webhook_secret (data_key_id);

-- One event on its way to one webhook; organization_id is the webhook's, event_organization_id is where it happened. What is sent is read off
-- the event each time, so that what was erased is sent no more; `body` is what a test sends, which is no event. One that is pending is due
-- at `due_at`; those whose webhook is paused wait.
CREATE TABLE delivery (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    webhook_id text COLLATE "C" NOT NULL,
    organization_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    event_organization_id text COLLATE "C" NOT NULL,
    stream text COLLATE "C" NOT NULL,
    entity text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL,
    body text COLLATE "C",
    state text COLLATE "C" NOT NULL,
    attempts bigint NOT NULL,
    due_at bigint,
    -- Whether the next attempt is made because somebody asked for it.
    is_manual boolean NOT NULL,
    created_at bigint NOT NULL,
    ended_at bigint,
    FOREIGN KEY (organization_id, webhook_id) REFERENCES webhook (organization_id, id)
);
CREATE UNIQUE INDEX delivery_event ON delivery (webhook_id, event_id);
CREATE INDEX delivery_webhook ON delivery (webhook_id, id);
CREATE INDEX delivery_state ON delivery (webhook_id, state, id);
CREATE INDEX delivery_due ON delivery (webhook_id, due_at, id) WHERE state = 'pending';
CREATE INDEX delivery_created ON delivery (created_at);
CREATE UNIQUE INDEX delivery_organization ON delivery (organization_id, id);

-- One try of a delivery: the status that was answered and what of the answer is kept, or why there was none.
CREATE TABLE attempt (
    delivery_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    organization_id text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    duration_ms bigint NOT NULL,
    is_manual boolean NOT NULL,
    status bigint,
    response text COLLATE "C",
    error text COLLATE "C",
    PRIMARY KEY (delivery_id, number),
    FOREIGN KEY (organization_id, delivery_id) REFERENCES delivery (organization_id, id)
);

-- How far deliveries have been made of the one event in a stream that its reader has not passed yet: to all webhooks up to this one.
CREATE TABLE fan_out (
    stream text COLLATE "C" NOT NULL PRIMARY KEY,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    webhook_id text COLLATE "C" NOT NULL
);

-- Receivers to be told, by a DELETE of their address, that they are sent nothing any more: written with the change that ended the webhook,
-- gone when they were told or nobody tries any more. The webhook itself may be gone by then.
CREATE TABLE farewell (
    webhook_id text COLLATE "C" NOT NULL PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    target_url text COLLATE "C" NOT NULL,
    attempts bigint NOT NULL,
    due_at bigint NOT NULL,
    leased_until bigint,
    created_at bigint NOT NULL
);
CREATE INDEX farewell_due ON farewell (due_at, webhook_id);
