-- Read model `tenants`: one row per tenant, with what replies and pages need to know of it.
-- Run in the schema of a generation: names are without a schema. A change needs a new `version()`.
create table tenant_directory (
    -- The slug that names the tenant everywhere.
    id text primary key,
    name text not null,
    -- utility | shop | salon | enterprise | bureau
    kind text not null,
    -- Two-letter code of the language that replies start in.
    language text not null,
    -- IANA name, such as Europe/Moscow.
    time_zone text not null,
    meter_rules jsonb not null,
    created_at timestamptz not null,
    -- Position of the event that created the row; lists are in this order, so that they stand still
    -- while rows are added.
    created_position bigint not null,
    -- Position and stream version of the last event in the row; a page that comes twice changes nothing.
    position bigint not null,
    version bigint not null,
    -- How customers are reminded of readings; what is missing has its default.
    reading_reminders jsonb not null default '{}',
    -- How credits are dealt with; what is missing has its default.
    credit_rules jsonb not null default '{}'
);

create unique index tenant_directory_order on tenant_directory (created_position);
