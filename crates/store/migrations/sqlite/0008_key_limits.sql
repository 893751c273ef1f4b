-- How often a key may be used, as far as it says that itself.
ALTER TABLE key ADD COLUMN limits TEXT;
