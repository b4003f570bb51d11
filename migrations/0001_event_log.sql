-- The log: every change that the business accepted, in one total order.
--
-- Positions are gapless and in commit order (see 0002), so "position > n" never misses an event and
-- count(*) = max(position).
create table events (
    -- The place in the whole log, from 1.
    position bigint primary key check (position > 0),
    tenant text collate "C" not null,
    -- The aggregate's type and id. Stream ids are unique over all tenants.
    stream_type text collate "C" not null,
    stream_id uuid not null,
    -- The place in its stream, from 1, contiguous.
    version bigint not null check (version > 0),
    event_id uuid not null,
    -- The name on the wire, such as meter.reading_submitted, and the version of the payload's shape.
    event_type text collate "C" not null,
    schema_version int not null,
    payload jsonb not null,
    -- Actor, command, correlation, causation, trace.
    metadata jsonb not null,
    -- When the command was issued, and when the log accepted its events.
    occurred_at timestamptz not null,
    recorded_at timestamptz not null,
    constraint events_stream_version unique (stream_id, version)
) with (
    -- The table only grows: freeze and analyse in small portions instead of rare storms.
    autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.05
);

comment on table events is 'The event log: append only, by append_events()';

-- A statement trigger fires even when no row matches, so a wrong statement is noticed at once.
create function forbid_event_change() returns trigger language plpgsql as $$
begin
    raise exception 'the event log is append only: % on events is forbidden', lower(tg_op)
        using errcode = 'restrict_violation',
              hint = 'Correct a wrong event by appending a compensating one.';
end
$$;

create trigger events_append_only
    before update or delete or truncate on events
    for each statement execute function forbid_event_change();

-- Also in sessions that replay replication and would skip ordinary triggers.
alter table events enable always trigger events_append_only;

-- What became of each command, written in the transaction of its append. The same command id again
-- is answered from here. Kept for a retention time (housekeeping), not for ever.
create table receipts (
    tenant text collate "C" not null,
    command_id uuid not null,
    -- What the command asked: tells a retry from another command under the same id.
    fingerprint bytea not null,
    stream_type text collate "C" not null,
    stream_id uuid not null,
    -- The stream's version after the command.
    version bigint not null,
    -- The command's events; null when it was refused or everything asked for already held.
    first_position bigint,
    last_position bigint,
    -- The refusal document when the business said no.
    refusal jsonb,
    recorded_at timestamptz not null,
    primary key (command_id, tenant)
);

comment on table receipts is 'The outcome of each command id, within the retention time';

-- Housekeeping looks for old ones. Receipts come in order of time, so block ranges are enough, and
-- cost an append next to nothing.
create index receipts_recorded_at on receipts using brin (recorded_at) with (autosummarize = on);
