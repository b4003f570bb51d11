-- What came in from outside (a bot's update, a provider's webhook), stored raw before it is
-- answered. A worker drives it to commands and marks it done in the transaction of its effects.
create table inbox (
    -- Where it came from, such as telegram:demo.
    source text not null,
    -- The sender's own id; the second delivery of the same one is dropped.
    external_id text not null,
    -- Rows of one key are worked on in order of arrival; different keys in parallel.
    key text not null,
    payload jsonb not null,
    -- dead: the bound of attempts was reached; later rows of the key go on without it.
    state text not null default 'pending' check (state in ('pending', 'done', 'dead')),
    attempts int not null default 0,
    next_at timestamptz not null default clock_timestamp(),
    last_error text,
    received_at timestamptz not null default clock_timestamp(),
    done_at timestamptz,
    -- The order of arrival.
    arrival bigint not null generated always as identity,
    primary key (source, external_id)
);

comment on table inbox is 'Inbound deliveries, at most once per source and external id';

-- The worker's view: small, because done rows leave it.
create index inbox_pending on inbox (source, key, arrival) where state = 'pending';
create index inbox_dead on inbox (source, arrival) where state = 'dead';
create index inbox_done_at on inbox (done_at) where state = 'done';
