-- What happens is told: what hosts report, who is sent what, and what came of it.

-- What the host's types of events are: for who subscribes to them. `permission` is what it takes to hear of one.
CREATE TABLE event_type (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organization (id),
    entity TEXT NOT NULL,
    operation TEXT NOT NULL,
    description TEXT NOT NULL,
    permission TEXT NOT NULL,
    schema TEXT,
    example TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_type_topic ON event_type (organization_id, entity, operation);

-- What hosts report, in a stream of its own: its transaction takes its place itself. Whoever reports gives each event an identifier, by which
-- one that comes twice is known; others who report have others. `body` can be erased.
CREATE TABLE host_event (
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    id TEXT NOT NULL,
    organization_id TEXT NOT NULL REFERENCES organization (id),
    reporter_organization_id TEXT NOT NULL REFERENCES organization (id),
    given_id TEXT NOT NULL,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    entity TEXT NOT NULL,
    operation TEXT NOT NULL,
    entity_id TEXT,
    permission TEXT NOT NULL,
    at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    -- Who did it in the host's product, and with which key; who told of it stands apart.
    actor_user_id TEXT,
    actor_key_id TEXT,
    reporter_user_id TEXT,
    reporter_key_id TEXT,
    body TEXT,
    PRIMARY KEY (epoch, seq)
) STRICT;
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
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organization (id),
    key_id TEXT,
    target_url TEXT NOT NULL,
    entity TEXT NOT NULL,
    operation TEXT NOT NULL,
    hears TEXT NOT NULL,
    description TEXT NOT NULL,
    reach TEXT NOT NULL,
    status TEXT NOT NULL,
    failing_since INTEGER,
    failed_at INTEGER,
    due_at INTEGER,
    leased_until INTEGER,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    FOREIGN KEY (organization_id, key_id) REFERENCES key (organization_id, id)
) STRICT;
CREATE UNIQUE INDEX webhook_organization ON webhook (organization_id, id);
CREATE INDEX webhook_live ON webhook (organization_id, id) WHERE deleted_at IS NULL;
CREATE INDEX webhook_key ON webhook (key_id, id) WHERE key_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX webhook_active ON webhook (organization_id, entity, operation) WHERE status = 'active' AND deleted_at IS NULL;
CREATE INDEX webhook_due ON webhook (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deleted ON webhook (deleted_at) WHERE deleted_at IS NOT NULL;

-- What deliveries are signed with, sealed: the current one and, during a rotation, those that retire. What has ended is deleted.
CREATE TABLE webhook_secret (
    id TEXT NOT NULL PRIMARY KEY,
    webhook_id TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    state TEXT NOT NULL,
    retiring_until INTEGER,
    data_key_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    FOREIGN KEY (organization_id, webhook_id) REFERENCES webhook (organization_id, id),
    FOREIGN KEY (organization_id, data_key_id) REFERENCES data_key (organization_id, id)
) STRICT;
CREATE INDEX webhook_secret_webhook ON webhook_secret (webhook_id, id);
CREATE UNIQUE INDEX webhook_secret_current ON webhook_secret (webhook_id) WHERE state = 'current';
CREATE INDEX webhook_secret_end ON webhook_secret (retiring_until) WHERE retiring_until IS NOT NULL;
CREATE INDEX webhook_secret_data_key ON webhook_secret (data_key_id);

-- One event on its way to one webhook; organization_id is the webhook's, event_organization_id is where it happened. What is sent is read off
-- the event each time, so that what was erased is sent no more; `body` is what a test sends, which is no event. One that is pending is due
-- at `due_at`; those whose webhook is paused wait.
CREATE TABLE delivery (
    id TEXT NOT NULL PRIMARY KEY,
    webhook_id TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event_organization_id TEXT NOT NULL,
    stream TEXT NOT NULL,
    entity TEXT NOT NULL,
    operation TEXT NOT NULL,
    body TEXT,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER,
    -- Whether the next attempt is made because somebody asked for it.
    is_manual INTEGER NOT NULL CHECK (is_manual IN (0, 1)),
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    FOREIGN KEY (organization_id, webhook_id) REFERENCES webhook (organization_id, id)
) STRICT;
CREATE UNIQUE INDEX delivery_event ON delivery (webhook_id, event_id);
CREATE INDEX delivery_webhook ON delivery (webhook_id, id);
CREATE INDEX delivery_state ON delivery (webhook_id, state, id);
CREATE INDEX delivery_due ON delivery (webhook_id, due_at, id) WHERE state = 'pending';
CREATE INDEX delivery_created ON delivery (created_at);
CREATE UNIQUE INDEX delivery_organization ON delivery (organization_id, id);

-- One try of a delivery: the status that was answered and what of the answer is kept, or why there was none.
CREATE TABLE attempt (
    delivery_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    organization_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    is_manual INTEGER NOT NULL CHECK (is_manual IN (0, 1)),
    status INTEGER,
    response TEXT,
    error TEXT,
    PRIMARY KEY (delivery_id, number),
    FOREIGN KEY (organization_id, delivery_id) REFERENCES delivery (organization_id, id)
) STRICT, WITHOUT ROWID;

-- How far deliveries have been made of the one event in a stream that its reader has not passed yet: to all webhooks up to this one.
CREATE TABLE fan_out (
    stream TEXT NOT NULL PRIMARY KEY,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    webhook_id TEXT NOT NULL
) STRICT;

-- Receivers to be told, by a DELETE of their address, that they are sent nothing any more: written with the change that ended the webhook,
-- gone when they were told or nobody tries any more. The webhook itself may be gone by then.
CREATE TABLE farewell (
    webhook_id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organization (id),
    target_url TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    leased_until INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX farewell_due ON farewell (due_at, webhook_id);
