-- Version 6: a block in the intake is found by its row in block, without an index of the intake.

-- Where the block lies in the intake, below 0 too; NULL: not there.
ALTER TABLE block ADD COLUMN intake_position INTEGER;
INSERT INTO block (digest, size_bytes, added_ns, verified_ns, state)
  SELECT digest, length(data), added_ns, added_ns, 'stored' FROM intake WHERE true ON CONFLICT (digest) DO NOTHING;
UPDATE block SET intake_position = (SELECT i.position FROM intake i WHERE i.digest = block.digest)
  WHERE digest IN (SELECT digest FROM intake);

CREATE TABLE intake_without_index (
  position INTEGER PRIMARY KEY,
  digest BLOB NOT NULL,
  data BLOB NOT NULL,
  added_ns INTEGER NOT NULL
);
INSERT INTO intake_without_index SELECT position, digest, data, added_ns FROM intake;
DROP TABLE intake;
ALTER TABLE intake_without_index RENAME TO intake;
