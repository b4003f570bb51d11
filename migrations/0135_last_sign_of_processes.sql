-- When a process last said that it lives. Its heartbeat's end says the same only to whoever knows the
-- process's own time to live. Null for processes of the version before, which do not write it.
alter table processes add column seen_at timestamptz;
