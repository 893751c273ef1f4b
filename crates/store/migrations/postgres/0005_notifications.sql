-- Keys whose end comes near, by what they end by: for want of use, or by their expiry. `since` is from when that counts, `told` how many days before
-- the end the latest notice said. Somebody looks at them again at `due_at`.
CREATE TABLE key_clock (
    key_id text COLLATE "C" NOT NULL,
    ending text COLLATE "C" NOT NULL,
    organization_id text COLLATE "C" NOT NULL,
    since bigint NOT NULL,
    deadline bigint NOT NULL,
    told bigint,
    due_at bigint NOT NULL,
    PRIMARY KEY (key_id, ending),
    FOREIGN KEY (organization_id, key_id) REFERENCES key (organization_id, id)
);
CREATE INDEX key_clock_due ON key_clock (ending, due_at, key_id);
CREATE INDEX key_clock_told ON key_clock (ending, key_id) WHERE told IS NOT NULL;

-- How far the keys of an organization were looked through for those that nobody uses: up to which key, of those never used, and up to which last
-- use, of the others. It holds for so many days of the policy; for others it begins anew.
CREATE TABLE idle_walk (
    organization_id text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES organization (id),
    days bigint NOT NULL,
    made_until text COLLATE "C" NOT NULL,
    used_until bigint NOT NULL,
    used_key_id text COLLATE "C" NOT NULL
);

-- For those that expire, wherever they stand.
CREATE INDEX key_expires_at ON key (expires_at, id) WHERE expires_at IS NOT NULL AND standing <> 'revoked';

-- For those whose old secret ends soon.
CREATE INDEX secret_retiring ON secret (retiring_until, key_id) WHERE state = 'retiring';

-- What a person has to know. `subject_id` is what it is about, `facts` what it was called and what is said of it, since both may be gone.
CREATE TABLE notification (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL REFERENCES "user" (id),
    organization_id text COLLATE "C" NOT NULL REFERENCES organization (id),
    kind text COLLATE "C" NOT NULL,
    subject_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    facts text COLLATE "C" NOT NULL,
    -- When what it warns of happens.
    deadline bigint,
    state text COLLATE "C" NOT NULL,
    -- Whether it waits to be sent by mail.
    mail boolean NOT NULL,
    created_at bigint NOT NULL
);
CREATE UNIQUE INDEX notification_event ON notification (user_id, event_id, subject_id);
CREATE INDEX notification_user ON notification (user_id, id) WHERE state <> 'dismissed';
CREATE INDEX notification_unread ON notification (user_id, id) WHERE state = 'unread';
CREATE INDEX notification_subject ON notification (subject_id, kind) WHERE state IN ('unread', 'read') OR mail;
CREATE INDEX notification_mail ON notification (user_id, id) WHERE mail;
-- For the banner: what ends soon.
CREATE INDEX notification_deadline ON notification (user_id, deadline) WHERE deadline IS NOT NULL AND state IN ('unread', 'read');
CREATE INDEX notification_created ON notification (created_at);

-- Whom mail waits for, and when the next try is.
CREATE TABLE mail_turn (
    user_id text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES "user" (id),
    due_at bigint NOT NULL,
    failures bigint NOT NULL
);
CREATE INDEX mail_turn_due ON mail_turn (due_at, user_id);

-- What a person chose to be told, and how; where there is nothing, it is as for everybody.
CREATE TABLE notification_choice (
    user_id text COLLATE "C" NOT NULL REFERENCES "user" (id),
    kind text COLLATE "C" NOT NULL,
    in_app boolean NOT NULL,
    mail boolean NOT NULL,
    PRIMARY KEY (user_id, kind)
);

-- Up to which instant a node has written down what was used there: keys that nobody uses are judged as of then.
ALTER TABLE node ADD COLUMN flushed_until bigint;
