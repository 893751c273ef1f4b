-- Behind which place of each stream a webhook listens: where that ended when the webhook was made, or last played.
ALTER TABLE webhook ADD COLUMN change_epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhook ADD COLUMN change_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhook ADD COLUMN host_epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhook ADD COLUMN host_seq INTEGER NOT NULL DEFAULT 0;
