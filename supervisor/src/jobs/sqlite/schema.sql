-- Jobs, their texts and their segments. Times are milliseconds since 1970. Audio stands in files beside this one.
CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- work is given out in this order
  id TEXT NOT NULL UNIQUE,
  owner TEXT,
  idempotency_key TEXT,
  digest TEXT NOT NULL,
  account TEXT NOT NULL,                  -- what never changes, as JSON
  engines TEXT NOT NULL,                  -- a JSON list
  state TEXT NOT NULL,
  error TEXT,
  created_ms INTEGER NOT NULL,
  started_ms INTEGER,
  ended_ms INTEGER,
  characters INTEGER NOT NULL,
  segments INTEGER NOT NULL DEFAULT 0,
  segments_stored INTEGER NOT NULL DEFAULT 0,
  spoken_ms INTEGER NOT NULL,
  spoken_stored_ms INTEGER NOT NULL DEFAULT 0,
  audio_ms INTEGER NOT NULL DEFAULT 0,
  rate INTEGER NOT NULL DEFAULT 0,
  skipped INTEGER NOT NULL DEFAULT 0,
  audio_bytes INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL,                 -- all that it takes of the disk
  chapters TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE UNIQUE INDEX jobs_by_key ON jobs (coalesce(owner, ''), idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX jobs_by_state ON jobs (state, seq);
CREATE INDEX jobs_over ON jobs (ended_ms) WHERE ended_ms IS NOT NULL;
CREATE TABLE texts (job INTEGER PRIMARY KEY, book TEXT NOT NULL) STRICT;
CREATE TABLE pieces (
  job INTEGER NOT NULL,
  number INTEGER NOT NULL,
  engine TEXT NOT NULL,
  spoken_ms INTEGER NOT NULL,
  piece TEXT NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  place INTEGER,                          -- where its audio begins in the job's file, once it is stored
  bytes INTEGER NOT NULL DEFAULT 0,
  rate INTEGER NOT NULL DEFAULT 0,
  skipped INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX pieces_open ON pieces (engine, job, number) WHERE place IS NULL;
