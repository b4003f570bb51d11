-- Read model `periods`: each close of a month, and what became of it.
-- Run in the schema of a generation: names are without a schema. A change needs a new `version()`.
create table period_closes (
    -- The position of the event that closed it.
    place bigint primary key,
    tenant text not null,
    -- Such as 2026-11.
    month text not null,
    revision bigint not null,
    -- closed | reopen_requested | reopened
    state text not null,
    ends_at timestamptz not null,
    -- The position of the log up to which it counts.
    position bigint not null,
    -- The event as it stands in the log.
    closed jsonb not null,
    closed_at timestamptz not null,
    -- Who asked to open it again, when and why; and who agreed.
    request jsonb,
    approval jsonb,
    -- The version of the stream of all months at the last event that changed this row.
    version bigint not null
);

create unique index period_closes_month on period_closes (tenant, month, revision);
