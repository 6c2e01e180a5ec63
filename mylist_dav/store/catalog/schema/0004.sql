-- Version 4: labels, jobs, what accounts have brought and not committed yet, and work that the collector waits for.

-- Named revisions, kept for ever.
CREATE TABLE label (
  flist_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  jid INTEGER NOT NULL,
  created_ns INTEGER NOT NULL,
  PRIMARY KEY (flist_id, name)
) WITHOUT ROWID;

-- Blocks that an account has uploaded in full: until then it may name them, and they are not collected.
CREATE TABLE upload (
  account_id INTEGER NOT NULL,
  digest BLOB NOT NULL,
  size_bytes INTEGER NOT NULL,
  expires_ns INTEGER NOT NULL,
  PRIMARY KEY (account_id, digest)
) WITHOUT ROWID;
CREATE INDEX upload_by_end ON upload (expires_ns);
CREATE INDEX upload_by_digest ON upload (digest);

-- Long work that reads or brings blocks which no flist may hold: while one lives, nothing is condemned or deleted.
CREATE TABLE session_ (
  session_id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  account TEXT NOT NULL,
  expires_ns INTEGER NOT NULL
);

-- Blocks that nothing refers to are condemned, and deleted after a grace. since_ns: of the state; NULL while stored.
ALTER TABLE block ADD COLUMN since_ns INTEGER;
CREATE INDEX block_condemned ON block (state, since_ns) WHERE state <> 'stored';

-- Work that outlives a request. job_id: unguessable; who knows it may read its state. asked, result, problem: JSON.
-- owner: the process that runs it ('' when none does); cancelled: somebody has asked for its end.
CREATE TABLE job (
  job_id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  account TEXT NOT NULL,
  address TEXT NOT NULL,
  request_id TEXT NOT NULL,
  flist TEXT NOT NULL,
  state TEXT NOT NULL,
  asked TEXT NOT NULL,
  phase TEXT NOT NULL,
  done_bytes INTEGER NOT NULL,
  total_bytes INTEGER,
  done_entries INTEGER NOT NULL,
  total_entries INTEGER,
  result TEXT,
  problem TEXT,
  cancelled INTEGER NOT NULL,
  owner TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  created_ns INTEGER NOT NULL,
  changed_ns INTEGER NOT NULL,
  ended_ns INTEGER
) WITHOUT ROWID;
CREATE INDEX job_by_state ON job (state, created_ns);
CREATE INDEX job_by_account ON job (account, created_ns);

-- When each kind of upkeep was last done, and what it counted: a JSON object of numbers.
CREATE TABLE upkeep (
  kind TEXT PRIMARY KEY,
  at_ns INTEGER NOT NULL,
  found TEXT NOT NULL
) WITHOUT ROWID;
