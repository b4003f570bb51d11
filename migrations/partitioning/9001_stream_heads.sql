-- Towards a partitioned log, step 1 of 2: the head of each stream in a table of its own.
--
-- Not part of `kontor migrate`: an operator runs it when the log grows past some 100 million events
-- (docs/guides/partition-the-log.md, ADR 0026). It may run while everything works; run it without a
-- surrounding transaction, since filling commits portion by portion. Twice is harmless.

-- The newest version of each stream: the authority for the version check once `events` is split by
-- position, where no unique index can span (stream_id, version).
create table if not exists stream_heads (
    stream_id uuid primary key,
    tenant text collate "C" not null,
    stream_type text collate "C" not null,
    version bigint not null check (version > 0),
    -- Where the stream's first and last event stand: the stretch of the log that holds it.
    first_position bigint not null,
    last_position bigint not null
) with (
    -- Heads move with each append and no index covers what moves: the new row stays on its page.
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.02
);

comment on table stream_heads is 'The newest version of each stream of the log';

-- Where the last range of the log ends; as long as `events` is one table there is no end. One row.
create table if not exists event_log_edge (
    only_row boolean primary key default true check (only_row),
    upper_position bigint not null
);

insert into event_log_edge (upper_position) values (9223372036854775807) on conflict do nothing;

-- Keeps the heads as long as a call of the old append function may still run. The function holds the
-- append lock, so one statement at a time comes here.
create or replace function note_stream_heads() returns trigger language plpgsql as $$
begin
    insert into stream_heads as h
        (stream_id, tenant, stream_type, version, first_position, last_position)
    select stream_id, min(tenant), min(stream_type), max(version), min(position), max(position)
    from added
    group by stream_id
    on conflict (stream_id) do update
        set version = greatest(h.version, excluded.version),
            first_position = least(h.first_position, excluded.first_position),
            last_position = greatest(h.last_position, excluded.last_position);
    return null;
end
$$;

drop trigger if exists events_note_heads on events;
create trigger events_note_heads
    after insert on events
    referencing new table as added
    for each statement execute function note_stream_heads();

-- Reads the log from the beginning, in portions. Each takes the append lock for its few
-- milliseconds, so that it never waits for a row in another order than an append does.
create or replace procedure fill_stream_heads(portion bigint default 10000) language plpgsql as $$
declare
    lock_key constant bigint := 118126338666354;
    -- What comes later is noted by the trigger.
    last bigint := coalesce((select max(position) from events), 0);
    after bigint := 0;
begin
    while after < last loop
        perform pg_advisory_xact_lock(lock_key);
        insert into stream_heads as h
            (stream_id, tenant, stream_type, version, first_position, last_position)
        select stream_id, min(tenant), min(stream_type), max(version), min(position), max(position)
        from events
        where position > after and position <= after + portion
        group by stream_id
        on conflict (stream_id) do update
            set version = greatest(h.version, excluded.version),
                first_position = least(h.first_position, excluded.first_position),
                last_position = greatest(h.last_position, excluded.last_position);
        after := after + portion;
        commit;
    end loop;
end
$$;

call fill_stream_heads();

analyze stream_heads;

-- As in migration 0002, but the version comes from `stream_heads`, which moves along. A test holds
-- the two against each other.
create or replace function append_events(
    tenants text[],
    command_ids uuid[],
    fingerprints bytea[],
    stream_types text[],
    stream_ids uuid[],
    expected_versions bigint[],
    refusals text[],
    metadatas text[],
    occurred_ats timestamptz[],
    event_counts int[],
    event_ids uuid[],
    event_types text[],
    schema_versions int[],
    payloads text[]
) returns table (
    append_number int,
    verdict text,
    stream_version bigint,
    first_position bigint,
    last_position bigint,
    receipt_fingerprint bytea,
    receipt_stream_type text,
    receipt_stream_id uuid,
    receipt_refusal text,
    receipt_recorded_at timestamptz
)
language plpgsql
volatile
-- The plan is one index probe for each append, whatever the tables' statistics say: the function
-- must not begin with sequential scans because it was planned while the tables were empty, and
-- must not be planned anew for each batch.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    append_count constant int := coalesce(cardinality(command_ids), 0);
    event_count constant int := coalesce(cardinality(event_ids), 0);
    base_position bigint;
    accepted_at timestamptz;
    -- "kontor" in ASCII, read as a number. Nothing else uses it.
    lock_key constant bigint := 118126338666354;
begin
    -- An older snapshot would not see what the previous holder of the lock wrote.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'append_events needs the isolation level read committed'
            using errcode = 'invalid_transaction_state';
    end if;

    if append_count = 0 then
        return;
    end if;

    if (select sum(c) from unnest(event_counts) c) is distinct from event_count
        or (select min(c) from unnest(event_counts) c) < 0
        or array[
            cardinality(tenants), cardinality(fingerprints), cardinality(stream_types),
            cardinality(stream_ids), cardinality(expected_versions), cardinality(refusals),
            cardinality(metadatas), cardinality(occurred_ats), cardinality(event_counts)
        ] is distinct from array_fill(append_count, array[9])
        or array[
            cardinality(event_types), cardinality(schema_versions), cardinality(payloads)
        ] is distinct from array_fill(event_count, array[3])
    then
        raise exception 'the arrays of append_events do not fit together'
            using errcode = 'array_subscript_error';
    end if;

    -- Two appends of one stream, or of one command, would be judged against the same state.
    if (select count(distinct s) from unnest(stream_ids) s) <> append_count then
        raise exception 'a batch holds two appends of one stream, or one without a stream'
            using errcode = 'cardinality_violation';
    end if;
    if (select count(distinct c) from unnest(command_ids) c) <> append_count then
        raise exception 'a batch holds two appends of one command id, or one without a command id'
            using errcode = 'cardinality_violation';
    end if;

    perform pg_advisory_xact_lock(lock_key);

    -- Statements after the lock, so that each has a snapshot of after the previous commit.
    base_position := coalesce((select e.position from events e order by e.position desc limit 1), 0);
    accepted_at := clock_timestamp();

    -- Housekeeping makes the next ranges long before they are needed; should it stand still, the
    -- append makes them itself rather than fail.
    if base_position + event_count >= (select e.upper_position from event_log_edge e) then
        perform ensure_event_partitions();
    end if;

    return query
    -- Only figures pass from step to step; the texts are taken from the arrays where they are
    -- written.
    with judged as materialized (
        select
            j.number, j.events, j.verdict, j.current_version,
            -- Where the append's events begin in the arrays of the events.
            sum(j.events) over (order by j.number rows unbounded preceding) - j.events as skipped,
            -- The position before its first event.
            base_position + sum(case j.verdict when 'appended' then j.events else 0 end)
                over (order by j.number rows unbounded preceding) - j.events as before
        from (
            select
                a.number,
                a.events,
                coalesce(c.version, 0) as current_version,
                case
                    when r.known then 'duplicate'
                    -- A stream belongs to one tenant and one aggregate for ever.
                    when c.tenant <> a.tenant or c.stream_type <> a.stream_type then 'conflict'
                    when a.expected is null then 'appended'
                    when a.expected = -1 and c.version is not null then 'appended'
                    when a.expected = coalesce(c.version, 0) then 'appended'
                    else 'conflict'
                end as verdict
            from unnest(
                tenants, command_ids, stream_types, stream_ids, expected_versions, event_counts
            ) with ordinality as a (
                tenant, command_id, stream_type, stream_id, expected, events, number
            )
            -- The limits keep each look-up a probe of its own.
            left join lateral (
                select true as known from receipts r
                where r.tenant = a.tenant and r.command_id = a.command_id
                limit 1
            ) r on true
            left join lateral (
                select h.version, h.tenant, h.stream_type from stream_heads h
                where h.stream_id = a.stream_id
                limit 1
            ) c on true
        ) j
    ),
    written_events as (
        insert into events (
            position, tenant, stream_type, stream_id, version, event_id, event_type,
            schema_version, payload, metadata, occurred_at, recorded_at
        )
        select
            j.before + n, tenants[j.number::int], stream_types[j.number::int],
            stream_ids[j.number::int], j.current_version + n,
            event_ids[j.skipped + n], event_types[j.skipped + n],
            schema_versions[j.skipped + n], payloads[j.skipped + n]::jsonb,
            metadatas[j.number::int]::jsonb, occurred_ats[j.number::int], accepted_at
        from judged j
        cross join lateral generate_series(1, j.events) n
        where j.verdict = 'appended'
        -- The rows come in order of position already: judged is in order and the loop keeps it.
    ),
    moved_heads as (
        insert into stream_heads as h
            (stream_id, tenant, stream_type, version, first_position, last_position)
        select
            stream_ids[j.number::int], tenants[j.number::int], stream_types[j.number::int],
            j.current_version + j.events, j.before + 1, j.before + j.events
        from judged j
        where j.verdict = 'appended' and j.events > 0
        on conflict (stream_id) do update
            set version = excluded.version, last_position = excluded.last_position
    ),
    written_receipts as (
        insert into receipts (
            tenant, command_id, fingerprint, stream_type, stream_id, version,
            first_position, last_position, refusal, recorded_at
        )
        select
            tenants[j.number::int], command_ids[j.number::int], fingerprints[j.number::int],
            stream_types[j.number::int], stream_ids[j.number::int], j.current_version + j.events,
            case when j.events > 0 then j.before + 1 end,
            case when j.events > 0 then j.before + j.events end,
            refusals[j.number::int]::jsonb, accepted_at
        from judged j
        where j.verdict = 'appended'
    )
    select
        j.number::int,
        j.verdict,
        case j.verdict
            when 'appended' then j.current_version + j.events
            when 'duplicate' then r.version
            else j.current_version
        end,
        case when j.verdict = 'appended' and j.events > 0 then j.before + 1
             else r.first_position end,
        case when j.verdict = 'appended' and j.events > 0 then j.before + j.events
             else r.last_position end,
        r.fingerprint,
        r.stream_type,
        r.stream_id,
        r.refusal::text,
        r.recorded_at
    from judged j
    left join lateral (
        select * from receipts r
        where j.verdict = 'duplicate'
            and r.tenant = tenants[j.number::int] and r.command_id = command_ids[j.number::int]
        limit 1
    ) r on true;
end
$$;

comment on function append_events is 'Appends a batch to the event log; see 9001';

-- Calls that began under the old function still note nothing themselves. They end within their
-- statement timeout; then the trigger has nothing left to do.
create or replace procedure await_old_appends(mark timestamptz) language plpgsql as $$
declare
    attempts_max constant int := 1200;
begin
    for attempt in 1 .. attempts_max loop
        -- Each look is a transaction of its own: the view stands still within one.
        commit;
        if not exists (
            select from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()
                and xact_start <= mark and query like '%append_events%'
        ) then
            return;
        end if;
        perform pg_sleep(0.05);
    end loop;
    raise exception 'an append that began before % still runs; end it, then run this file again', mark;
end
$$;

call await_old_appends(clock_timestamp());
drop procedure await_old_appends(timestamptz);
drop trigger events_note_heads on events;
drop function note_stream_heads();
drop procedure fill_stream_heads(bigint);
