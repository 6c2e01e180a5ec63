-- Version 2: keys, scopes of tokens, grants, who may see an exposure, and a record of what was done.

ALTER TABLE account ADD COLUMN quota_bytes INTEGER; -- NULL: no limit

-- Ed25519 public keys, 32 raw bytes each; one belongs to one account. used_ns: of the last login, 0 before the first.
CREATE TABLE key_ (
  public BLOB PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES account,
  label TEXT NOT NULL,
  added_ns INTEGER NOT NULL,
  used_ns INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX key_by_account ON key_ (account_id);

-- What a token may: all that its account may, or less. flist_id: for this one only. used_ns: within ten minutes.
ALTER TABLE token ADD COLUMN read_only INTEGER NOT NULL DEFAULT 0;
ALTER TABLE token ADD COLUMN flist_id INTEGER;
ALTER TABLE token ADD COLUMN used_ns INTEGER NOT NULL DEFAULT 0;
CREATE INDEX token_by_account ON token (account_id);

ALTER TABLE flist ADD COLUMN private INTEGER NOT NULL DEFAULT 0;
CREATE TABLE grant_ (
  flist_id INTEGER NOT NULL,
  account_id INTEGER NOT NULL,
  may_write INTEGER NOT NULL,
  PRIMARY KEY (flist_id, account_id)
) WITHOUT ROWID;
CREATE INDEX grant_by_account ON grant_ (account_id);

-- Logins that were valid, until they would be refused for their age: none counts twice. nonce: the BLAKE3-256 of the
-- text that was signed, in which a nonce stands.
CREATE TABLE nonce (
  nonce BLOB PRIMARY KEY,
  expires_ns INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX nonce_by_end ON nonce (expires_ns);

-- secret_hash: argon2id of the pass phrase of mode 'secret'. visitor: who may see an exposure of mode 'keys', each the
-- name of an account, or the 64 hex digits of a public key.
ALTER TABLE exposure ADD COLUMN secret_hash TEXT;
CREATE TABLE visitor (
  exposure_id INTEGER NOT NULL,
  who TEXT NOT NULL,
  PRIMARY KEY (exposure_id, who)
) WITHOUT ROWID;

-- What was done. account: who did it, '' for the owner of the data directory and for guests. repeats, size_bytes: of
-- events that are counted together. detail: a JSON object.
CREATE TABLE audit (
  audit_id INTEGER PRIMARY KEY,
  at_ns INTEGER NOT NULL,
  account TEXT NOT NULL,
  address TEXT NOT NULL,
  request_id TEXT NOT NULL,
  action TEXT NOT NULL,
  flist TEXT NOT NULL,
  detail TEXT NOT NULL,
  repeats INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL
);
CREATE INDEX audit_by_time ON audit (at_ns);
CREATE INDEX audit_by_account ON audit (account, at_ns) WHERE account <> '';
CREATE INDEX audit_by_flist ON audit (flist, at_ns) WHERE flist <> '';
-- Failed logins are counted: one row for each hour, address and name. at_ns is the beginning of the hour.
CREATE UNIQUE INDEX audit_failed ON audit (at_ns, address, detail) WHERE action = 'login-failed';

-- Sums for each account ('account', name), flist ('flist', account/name) and exposure ('exposure', host or prefix).
CREATE TABLE tally (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  requests INTEGER NOT NULL,
  up_bytes INTEGER NOT NULL,
  down_bytes INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;
