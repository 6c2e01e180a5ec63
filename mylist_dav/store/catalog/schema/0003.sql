-- Version 3: sessions end with the token that they were begun with.

-- parent: the hash of that token. NULL: it stands on its own.
ALTER TABLE token ADD COLUMN parent BLOB;
CREATE INDEX token_by_parent ON token (parent) WHERE parent IS NOT NULL;
