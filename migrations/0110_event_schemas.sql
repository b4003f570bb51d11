-- Which types and versions of events the log holds, so that a process can see at its start that it
-- reads all of them, without reading the log itself.
create table event_schemas (
    event_type text collate "C" not null,
    schema_version int not null,
    -- Where the first event of this form stands.
    first_position bigint not null,
    primary key (event_type, schema_version)
);

comment on table event_schemas is 'The forms of events in the log, up to event_schemas_scan';

-- How far the log was looked through. Every start looks through the rest, and housekeeping keeps the
-- rest short.
create table event_schemas_scan (
    only_row boolean primary key default true check (only_row),
    position bigint not null default 0
);

insert into event_schemas_scan default values;

comment on table event_schemas_scan is 'The position up to which event_schemas is complete';
