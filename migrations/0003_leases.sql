-- Who may do a piece of work that only one process may do. A row is taken over when it has expired
-- by the database's clock. Rows are never deleted: the epoch grows with each holder, so that a
-- holder that lost its lease without noticing is recognised by its old epoch (fencing).
create table leases (
    name text primary key,
    owner text not null,
    epoch bigint not null,
    expires_at timestamptz not null
) with (
    -- Renewed every few seconds: leave room in the page, so that no index is touched.
    fillfactor = 50
);

comment on table leases is 'Single ownership of followers, shards and sources, with fencing epochs';
