-- Moves a range of the log that is no longer written to onto a tablespace of cheap, slow storage.
-- Nothing leaves the log: positions stay gapless and every stream can still be read. ADR 0026.
--
--   create tablespace cold location '/mnt/cold';
--   call archive_event_partition('events_1', 'cold');
--
-- The copy is made beside the running system; the exchange holds the table for milliseconds.
create or replace procedure archive_event_partition(partition text, storage text default 'pg_default')
language plpgsql as $$
declare
    copy constant text := partition || '_archive';
    bounds text;
    upper bigint;
    lower bigint;
    copied bigint;
begin
    select pg_get_expr(c.relpartbound, c.oid) into bounds
    from pg_class c
    join pg_inherits i on i.inhrelid = c.oid and i.inhparent = 'events'::regclass
    where c.oid = to_regclass(partition);
    if bounds is null then
        raise exception '% is no range of the event log', partition;
    end if;
    lower := substring(bounds from $re$FROM \('?(\d+)'?\)$re$)::bigint;
    upper := substring(bounds from $re$TO \('?(\d+)'?\)$re$)::bigint;
    if (select coalesce(max(position), 0) from events) < upper then
        raise exception '% is still written to; only a range that lies behind the head can be archived', partition;
    end if;

    execute format('drop table if exists %I', copy);
    execute format('create table %I (like events including defaults including comments,
        check (position >= %s and position < %s)) tablespace %I', copy, lower, upper, storage);
    execute format('insert into %I select * from %I order by position', copy, partition);
    get diagnostics copied = row_count;
    if copied <> upper - greatest(lower, 1) then
        raise exception '% holds % events instead of %', partition, copied, upper - greatest(lower, 1);
    end if;
    execute format('alter table %I add primary key (position) using index tablespace %I', copy, storage);
    execute format('alter table %I add constraint %I unique (stream_id, version) using index tablespace %I',
        copy, copy || '_stream_version', storage);
    commit;

    set local lock_timeout = '5s';
    execute format('alter table events detach partition %I', partition);
    execute format('alter table events attach partition %I for values from (%s) to (%s)', copy, lower, upper);
    execute format('drop table %I', partition);
    execute format('alter table %I rename to %I', copy, partition);
    execute format('alter table %1$I rename constraint %2$I to %3$I',
        partition, copy || '_stream_version', partition || '_stream_version');
    perform protect_event_partition(partition);
    commit;
end
$$;

comment on procedure archive_event_partition is 'Moves a closed range of the event log to another tablespace';
