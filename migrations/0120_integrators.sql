-- Programs of others that receive events. Who they are stands here and nowhere in the broker's own
-- configuration: the broker asks, and a revocation holds from the next question on.
create table integrators (
    id uuid primary key,
    -- A word of a-z, 0-9 and _: it becomes part of a user name, a consumer and an inbox.
    name text not null check (name ~ '^[a-z][a-z0-9_]{0,39}$'),
    -- Empty: events of all tenants.
    tenant text,
    -- `meter.*`, `account.registered` or `*`; none covers another.
    events text[] not null check (cardinality(events) between 1 and 50),
    -- nats: pulls from a durable consumer; webhook: is called.
    channel text not null check (channel in ('nats', 'webhook')),
    -- sha256 of the secret with which it enters NATS. 256 random bits need no slow hash.
    secret_hash bytea check (length(secret_hash) = 32),
    created_at timestamptz not null,
    -- The consumer delivers what the stream stored from here on; moved by a replay.
    start_at timestamptz not null,
    revoked_at timestamptz,
    check ((channel = 'nats') = (secret_hash is not null))
);

-- A name is free again when its holder was revoked.
create unique index integrators_name on integrators (name) where revoked_at is null;
