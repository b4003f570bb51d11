-- How far each follower of the log has come. A projection moves its row in the transaction that
-- writes its read model, guarded by the position and the epoch it believes in.
create table checkpoints (
    name text not null,
    -- The version of the read model's rows; a changed projection builds anew under the next one.
    version int not null,
    -- For followers that are split by stream; 0 for all others.
    segment int not null default 0,
    -- The last position whose effect is in.
    position bigint not null default 0,
    -- The epoch of the lease under which the row moves.
    epoch bigint not null default 0,
    -- starting, catching_up, live, retrying, stopped.
    state text not null default 'starting',
    -- The follower was alive, whether or not there was anything to do.
    heartbeat_at timestamptz not null default clock_timestamp(),
    -- The position moved.
    updated_at timestamptz not null default clock_timestamp(),
    last_error text,
    primary key (name, version, segment)
) with (
    fillfactor = 50
);

comment on table checkpoints is 'The position, state and heartbeat of each follower';

-- Events that a projection could not apply, and the later events of the same streams, which wait
-- behind them so that the order within a stream holds. Other streams flow on.
create table dead_letters (
    name text not null,
    version int not null,
    -- The stream.
    key uuid not null,
    position bigint not null,
    -- 0: waits behind an earlier event and was not tried yet.
    attempts int not null default 0,
    error text not null default '',
    -- parked: tried again by itself until the bound of attempts; retry: an operator asked for one
    -- more attempt; skipped: an operator gave the event up, the row stays as the mark of it.
    state text not null default 'parked' check (state in ('parked', 'retry', 'skipped')),
    first_at timestamptz not null default clock_timestamp(),
    next_at timestamptz not null default clock_timestamp(),
    primary key (name, version, key, position)
);

comment on table dead_letters is 'Parked events of followers, in order within each stream';
