-- Replays of NATS integrators from further back than the stream of events keeps: read out of the log and
-- published into a stream of the integrator's own. The checkpoint is guarded by the epoch of the lease
-- under which a process works on it.
create table integrator_replays (
    id uuid primary key,
    integrator_id uuid not null references integrators (id),
    from_position bigint not null check (from_position > 0),
    -- Every event up to here was published, or is not for this integrator.
    position bigint not null,
    epoch bigint not null default 0,
    ordered_at timestamptz not null,
    -- When it last got further: one that nobody reads is ended some day.
    moved_at timestamptz not null,
    -- Since when everything is published, its end included; the integrator reads what is left.
    published_at timestamptz,
    ended_at timestamptz,
    -- read: to its end | replaced: by another order | cancelled: by an operator | revoked: with its
    -- integrator | abandoned: nobody read it
    ending text check (ending in ('read', 'replaced', 'cancelled', 'revoked', 'abandoned')),
    check ((ended_at is null) = (ending is null))
);

comment on table integrator_replays is 'Replays of integrators out of the log, and how far they are';

create unique index integrator_replays_open on integrator_replays (integrator_id) where ended_at is null;
