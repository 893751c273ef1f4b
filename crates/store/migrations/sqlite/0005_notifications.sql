-- Keys whose end comes near, by what they end by: for want of use, or by their expiry. `since` is from when that counts, `told` how many days before
-- the end the latest notice said. Somebody looks at them again at `due_at`.
CREATE TABLE key_clock (
    key_id TEXT NOT NULL,
    ending TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    since INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    told INTEGER,
    due_at INTEGER NOT NULL,
    PRIMARY KEY (key_id, ending),
    FOREIGN KEY (organization_id, key_id) REFERENCES key (organization_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX key_clock_due ON key_clock (ending, due_at, key_id);
CREATE INDEX key_clock_told ON key_clock (ending, key_id) WHERE told IS NOT NULL;

-- How far the keys of an organization were looked through for those that nobody uses: up to which key, of those never used, and up to which last
-- use, of the others. It holds for so many days of the policy; for others it begins anew.
CREATE TABLE idle_walk (
    organization_id TEXT NOT NULL PRIMARY KEY REFERENCES organization (id),
    days INTEGER NOT NULL,
    made_until TEXT NOT NULL,
    used_until INTEGER NOT NULL,
    used_key_id TEXT NOT NULL
) STRICT;

-- For those that expire, wherever they stand.
CREATE INDEX key_expires_at ON key (expires_at, id) WHERE expires_at IS NOT NULL AND standing <> 'revoked';

-- For those whose old secret ends soon.
CREATE INDEX secret_retiring ON secret (retiring_until, key_id) WHERE state = 'retiring';

-- What a person has to know. `subject_id` is what it is about, `facts` what it was called and what is said of it, since both may be gone.
CREATE TABLE notification (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES "user" (id),
    organization_id TEXT NOT NULL REFERENCES organization (id),
    kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    facts TEXT NOT NULL,
    -- When what it warns of happens.
    deadline INTEGER,
    state TEXT NOT NULL,
    -- Whether it waits to be sent by mail.
    mail INTEGER NOT NULL CHECK (mail IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;
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
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES "user" (id),
    due_at INTEGER NOT NULL,
    failures INTEGER NOT NULL
) STRICT;
CREATE INDEX mail_turn_due ON mail_turn (due_at, user_id);

-- What a person chose to be told, and how; where there is nothing, it is as for everybody.
CREATE TABLE notification_choice (
    user_id TEXT NOT NULL REFERENCES "user" (id),
    kind TEXT NOT NULL,
    in_app INTEGER NOT NULL CHECK (in_app IN (0, 1)),
    mail INTEGER NOT NULL CHECK (mail IN (0, 1)),
    PRIMARY KEY (user_id, kind)
) STRICT, WITHOUT ROWID;
