-- The processes that share the work: one row each, kept alive by a heartbeat and removed at an orderly
-- end. It makes the sharing fair; what makes it safe are the epochs in `leases`. A process counts as
-- long as `expires_at` lies ahead by the database's clock; housekeeping deletes what is long gone.
create table processes (
    -- The name in `leases.owner`.
    owner text primary key,
    roles text[] not null,
    host text not null,
    pid bigint not null,
    version text not null,
    -- The names of the leases that the process holds or would take: who shares what with whom.
    wants text[] not null default '{}',
    started_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null
) with (
    -- Renewed every few seconds: leave room in the page, so that no index is touched.
    fillfactor = 50
);

comment on table processes is 'The processes that share shards, followers and bots, with their heartbeat';
