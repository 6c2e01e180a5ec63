-- Version 1. Times are nanoseconds since the epoch, sizes bytes, digests 32 raw bytes.

CREATE TABLE schema_version (
  version INTEGER PRIMARY KEY,
  applied_ns INTEGER NOT NULL
);

CREATE TABLE account (
  account_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL,
  disabled INTEGER NOT NULL DEFAULT 0,
  created_ns INTEGER NOT NULL
);

CREATE TABLE token (
  token_hash BLOB PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES account,
  label TEXT NOT NULL,
  created_ns INTEGER NOT NULL,
  expires_ns INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE flist (
  flist_id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER NOT NULL REFERENCES account,
  name TEXT NOT NULL,
  head_jid INTEGER NOT NULL,
  oldest_jid INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  next_entry_id INTEGER NOT NULL,
  created_ns INTEGER NOT NULL,
  changed_ns INTEGER NOT NULL,
  UNIQUE (account_id, name)
);

-- The tree as it is now. A folder's members lie together, in order of name. Rows below a folder that was
-- deleted or replaced stay here: nothing leads to them from the root of the head any more.
CREATE TABLE entry (
  flist_id INTEGER NOT NULL,
  parent_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  entry_id INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  mode INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  created_ns INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  digest BLOB,
  target TEXT,
  content_type TEXT,
  since_jid INTEGER NOT NULL,
  PRIMARY KEY (flist_id, parent_id, name)
) WITHOUT ROWID;
CREATE UNIQUE INDEX entry_by_id ON entry (flist_id, entry_id);
-- Folders alone, kind 2: to go through a tree without its files.
CREATE INDEX entry_folder ON entry (flist_id, parent_id, name, entry_id) WHERE kind = 2;

-- What rows were before: true from since_jid on, up to and without until_jid.
CREATE TABLE entry_past (
  flist_id INTEGER NOT NULL,
  parent_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  entry_id INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  mode INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  created_ns INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  digest BLOB,
  target TEXT,
  content_type TEXT,
  since_jid INTEGER NOT NULL,
  until_jid INTEGER NOT NULL,
  PRIMARY KEY (flist_id, parent_id, name, until_jid)
) WITHOUT ROWID;
CREATE INDEX entry_past_by_end ON entry_past (flist_id, until_jid);

CREATE TABLE commit_ (
  flist_id INTEGER NOT NULL,
  jid INTEGER NOT NULL,
  at_ns INTEGER NOT NULL,
  actor TEXT NOT NULL,
  note TEXT NOT NULL,
  PRIMARY KEY (flist_id, jid)
) WITHOUT ROWID;

-- blocks: 36 bytes each, the digest and the length as a 32-bit big-endian number.
CREATE TABLE recipe (
  digest BLOB PRIMARY KEY,
  size_bytes INTEGER NOT NULL,
  chunker TEXT NOT NULL,
  blocks BLOB NOT NULL
);
CREATE TABLE recipe_block (
  block_digest BLOB NOT NULL,
  recipe_digest BLOB NOT NULL,
  PRIMARY KEY (block_digest, recipe_digest)
) WITHOUT ROWID;

CREATE TABLE block (
  digest BLOB PRIMARY KEY,
  size_bytes INTEGER NOT NULL,
  added_ns INTEGER NOT NULL,
  verified_ns INTEGER NOT NULL,
  state TEXT NOT NULL
) WITHOUT ROWID;

-- Small blocks that are stored here until they are filed into blocks/. position grows by the cost of each row, so that
-- the lowest and the highest tell how much there is. Below 0: damaged, and not to be filed.
CREATE TABLE intake (
  position INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  data BLOB NOT NULL,
  added_ns INTEGER NOT NULL
);

-- Which flists hold a content in any revision they still have; there may be more rows than that, also of flists that
-- are gone, and never fewer.
CREATE TABLE held (
  digest BLOB NOT NULL,
  flist_id INTEGER NOT NULL,
  PRIMARY KEY (digest, flist_id)
) WITHOUT ROWID;

-- WebDAV dead properties: name in Clark notation, value as serialised XML. Not versioned.
CREATE TABLE property (
  flist_id INTEGER NOT NULL,
  entry_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  value_xml TEXT NOT NULL,
  PRIMARY KEY (flist_id, entry_id, name)
) WITHOUT ROWID;

CREATE TABLE lock (
  token TEXT PRIMARY KEY,
  flist_id INTEGER NOT NULL,
  entry_id INTEGER NOT NULL,
  scope TEXT NOT NULL,
  infinite INTEGER NOT NULL,
  owner_xml TEXT NOT NULL,
  principal TEXT NOT NULL,
  timeout_seconds INTEGER NOT NULL,
  expires_ns INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX lock_by_entry ON lock (flist_id, entry_id);

CREATE TABLE exposure (
  exposure_id INTEGER PRIMARY KEY,
  host TEXT NOT NULL,
  prefix TEXT NOT NULL,
  flist_id INTEGER NOT NULL,
  at_jid INTEGER,
  mode TEXT NOT NULL,
  listing INTEGER NOT NULL,
  dav TEXT NOT NULL,
  changed_ns INTEGER NOT NULL,
  UNIQUE (host, prefix)
);

-- One number a kind, raised by every change of that kind: caches compare it.
CREATE TABLE generation (
  kind TEXT PRIMARY KEY,
  number INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO generation VALUES ('exposures', 0), ('rights', 0);
