-- How far each reader of the log has come: it goes on behind this place. Whoever begins with an installation that is older begins at the end
-- of its log, and tells nobody of what happened long ago; but a chain that leaves anything out proves nothing.
CREATE TABLE reader (
    name TEXT NOT NULL,
    stream TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (name, stream)
) STRICT, WITHOUT ROWID;
INSERT INTO reader (name, stream, epoch, seq) SELECT 'webhooks', stream, epoch, seq FROM log_head WHERE stream <> 'denied';
INSERT INTO reader (name, stream, epoch, seq) SELECT 'notifications', stream, epoch, seq FROM log_head WHERE stream = 'change';
INSERT INTO reader (name, stream, epoch, seq) VALUES ('chain', 'change', 0, 0);
