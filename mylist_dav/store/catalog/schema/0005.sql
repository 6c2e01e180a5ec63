-- Version 5: what an entry was at an earlier revision is found by its id.

CREATE INDEX entry_past_by_id ON entry_past (flist_id, entry_id, until_jid);
