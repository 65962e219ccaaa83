-- How long finished audio is, to the sample.
ALTER TABLE jobs ADD COLUMN samples INTEGER NOT NULL DEFAULT 0;
-- How far it is with telling somebody of the end of a job, as JSON, and when it is tried next.
ALTER TABLE jobs ADD COLUMN telling TEXT;
ALTER TABLE jobs ADD COLUMN tell_ms INTEGER;
CREATE INDEX jobs_to_tell ON jobs (tell_ms) WHERE tell_ms IS NOT NULL;
