-- Integrators that are called instead of calling: where, how far, what waits, and what was tried.

-- One row for each integrator of the channel `webhook`. The checkpoint moves in the transaction that
-- writes down what came of a page, guarded by the position and the epoch that its owner believes in.
create table webhooks (
    integrator_id uuid primary key references integrators (id),
    -- Listed in clear: it holds no user and no password.
    url text not null,
    -- Every event up to here was delivered, or stands in webhook_deliveries, or is not wanted.
    position bigint not null,
    -- The epoch of the lease under which the row moves.
    epoch bigint not null default 0,
    -- Grows with each order of an operator: whoever delivers looks again.
    revision bigint not null default 0,
    -- Nothing is delivered since then, and nothing is lost: `enable` goes on from the position.
    disabled_at timestamptz,
    -- operator, or kontor: after an answer 410, or after days without one success.
    disabled_by text check (disabled_by in ('operator', 'kontor')),
    disabled_reason text,
    -- Nothing succeeded since then although it was tried.
    failing_since timestamptz,
    -- Failed attempts since the last success.
    failures int not null default 0,
    -- The other side asked for a pause until then.
    wait_until timestamptz,
    last_attempt_at timestamptz,
    last_success_at timestamptz,
    -- Our own words for the last failure, never the other side's.
    last_failure text,
    constraint webhooks_disabled check (
        (disabled_at is null) = (disabled_by is null)
            and (disabled_at is null) = (disabled_reason is null))
) with (
    fillfactor = 50
);

comment on table webhooks is 'Webhooks of integrators with their checkpoints and their health';

-- Events that were not delivered at the first attempt, and the later ones of their streams, which wait
-- behind them. Of each stream only the first pending one is tried. The body is made from the log at
-- each attempt, so an erasure holds here too.
create table webhook_deliveries (
    integrator_id uuid not null references webhooks (integrator_id),
    position bigint not null,
    stream_id uuid not null,
    event_id uuid not null,
    event_type text not null,
    -- pending: waits for its next attempt, or behind another | failed: all attempts failed; kept for an
    -- operator who may redeliver it
    state text not null check (state in ('pending', 'failed')),
    -- 0: waits behind another, was not tried in time, or an operator asked for it.
    attempts int not null,
    next_at timestamptz not null,
    first_at timestamptz not null,
    last_failure text,
    primary key (integrator_id, position)
);

comment on table webhook_deliveries is 'Events that wait for another attempt, and those given up';

create index webhook_deliveries_pending on webhook_deliveries (integrator_id, stream_id, position)
    where state = 'pending';
create index webhook_deliveries_failed on webhook_deliveries (first_at) where state = 'failed';

-- Each attempt. Neither what was sent nor what came back is kept: an answer may hold anything.
create table webhook_attempts (
    id bigint primary key generated always as identity,
    integrator_id uuid not null references webhooks (integrator_id),
    position bigint not null,
    event_id uuid not null,
    event_type text not null,
    -- From 1, anew after each order to redeliver.
    attempt int not null,
    at timestamptz not null,
    duration_ms int not null,
    -- The status of the answer, when there was one.
    status smallint,
    -- What went wrong; none after a success.
    failure text
);

comment on table webhook_attempts is 'What was tried for webhooks, kept for some days';

create index webhook_attempts_of on webhook_attempts (integrator_id, id);
create index webhook_attempts_at on webhook_attempts using brin (at) with (autosummarize = on);

-- What deliveries are signed with, sealed by the master key (AES-256-GCM): it must be readable to sign.
create table webhook_secrets (
    id uuid primary key,
    integrator_id uuid not null references webhooks (integrator_id),
    -- Nonce and ciphertext.
    sealed bytea not null,
    -- The first bytes of the master key's hash, in hexadecimal.
    master_key_id text collate "C" not null,
    created_at timestamptz not null,
    -- Both sign until then: the secret was rotated.
    expires_at timestamptz
);

comment on table webhook_secrets is 'Secrets that sign webhooks, sealed by the master key';

create index webhook_secrets_of on webhook_secrets (integrator_id, created_at);
