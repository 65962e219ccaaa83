-- How long finished audio is, to the sample.
ALTER TABLE jobs ADD COLUMN samples INTEGER NOT NULL DEFAULT 0;
