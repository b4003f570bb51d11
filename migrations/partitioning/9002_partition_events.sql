-- Towards a partitioned log, step 2 of 2: `events` becomes a table in ranges of positions.
--
-- The present table becomes the first range as it is: no row is copied. Reading it once to prove
-- that it fits happens beforehand, beside the running system; the switch itself holds the append
-- lock for milliseconds. Run it without a surrounding transaction. ADR 0026.

-- Events in one range. A test or a very small machine may replace it before this file runs.
do $$ begin
    if to_regprocedure('event_partition_size()') is null then
        create function event_partition_size() returns bigint language sql immutable as
            'select 50000000::bigint';
    end if;
end $$;

-- The ranges behind the one that is written to: made ahead by housekeeping, so that no append waits
-- for a table. Each is made by itself and then attached, which neither appends nor reads wait for.
create or replace function ensure_event_partitions(ahead int default 2) returns int
language plpgsql as $$
declare
    size constant bigint := event_partition_size();
    origin constant bigint := (select upper_position from event_log_origin);
    made int := 0;
    head bigint;
    low bigint;
    partition text;
begin
    -- One at a time; an append that comes here holds its own lock already.
    perform pg_advisory_xact_lock(hashtextextended('ensure_event_partitions', 0));
    head := coalesce((select max(position) from events), 0);
    for number in head / size + 1 .. head / size + 1 + ahead loop
        low := (number - 1) * size;
        partition := format('events_%s', number);
        -- The first ranges lie inside the table that was there before.
        continue when low < origin or to_regclass(partition) is not null;
        execute format(
            'create table %I (
                 like events including defaults including comments,
                 constraint %I primary key (position),
                 constraint %I unique (stream_id, version),
                 constraint %I check (position >= %s and position < %s)
             ) with (autovacuum_vacuum_insert_scale_factor = 0.05,
                     autovacuum_analyze_scale_factor = 0.05)',
            partition, partition || '_pkey', partition || '_stream_version',
            partition || '_range', low, low + size);
        perform protect_event_partition(partition);
        execute format('alter table events attach partition %I for values from (%s) to (%s)',
            partition, low, low + size);
        update event_log_edge set upper_position = low + size;
        made := made + 1;
    end loop;
    return made;
end
$$;

-- The trigger of the whole log does not see a statement that names one of its ranges.
create or replace function protect_event_partition(partition text) returns void
language plpgsql as $$
begin
    execute format('create trigger events_append_only before update or delete or truncate on %I
        for each statement execute function forbid_event_change()', partition);
    execute format('alter table %I enable always trigger events_append_only', partition);
end
$$;

-- Where the table that was there before ends; one row.
create table if not exists event_log_origin (
    only_row boolean primary key default true check (only_row),
    upper_position bigint not null
);

-- The end of the range that the head is in, and one more, so that appends during the proof below
-- still fit.
insert into event_log_origin (upper_position)
select (coalesce(max(position), 0) / event_partition_size() + 2) * event_partition_size()
from events
on conflict do nothing;

do $$
declare
    upper constant bigint := (select upper_position from event_log_origin);
begin
    if exists (select from pg_constraint where conname = 'events_first_range') then
        return;
    end if;
    execute format('alter table events add constraint events_first_range
        check (position >= 0 and position < %s) not valid', upper);
end $$;

-- Reads the whole table once; neither appends nor reads wait for it.
alter table events validate constraint events_first_range;

-- The switch. Whoever waits longer than this for the table gives up, and nothing has changed.
begin;
set local lock_timeout = '5s';
select pg_advisory_xact_lock(118126338666354);
lock table events in access exclusive mode;
alter table events rename to events_origin;
alter table events_origin rename constraint events_pkey to events_origin_pkey;
alter table events_origin rename constraint events_stream_version to events_origin_stream_version;
create table events (
    like events_origin including defaults including comments,
    constraint events_pkey primary key (position)
) partition by range (position);
do $$ begin
    execute format('alter table events attach partition events_origin for values from (0) to (%s)',
        (select upper_position from event_log_origin));
end $$;
create trigger events_append_only
    before update or delete or truncate on events
    for each statement execute function forbid_event_change();
alter table events enable always trigger events_append_only;
comment on table events is 'The event log: append only, by append_events(); in ranges of positions';
update event_log_edge set upper_position = (select upper_position from event_log_origin);
select ensure_event_partitions();
commit;
