-- Read model `books`: the lines of all bookings on both axes of time, and their sums by day, so that a
-- balance at an instant is a sum over days.
-- Run in the schema of a generation: names are without a schema. A change needs a new `version()`.
create table book_lines (
    -- A thousand times the position of the booking, and the line in it from 0: unique in the log.
    place bigint primary key,
    tenant text not null,
    ledger_id uuid not null,
    -- The version of the booking in its ledger.
    version bigint not null,
    -- The event without its aggregate, such as spent.
    kind text not null,
    account text not null,
    -- CR | MSG | a currency's code
    unit text not null,
    -- Debits are positive, in whole credits, messages or minor units.
    amount bigint not null,
    -- The grant or pass, where the account is divided by them.
    grant_id uuid,
    -- From when on it holds, and when the log accepted it.
    effective_at timestamptz not null,
    recorded_at timestamptz not null
);

-- The statement of an account, and the day at the edge of a balance.
create index book_lines_account on book_lines (tenant, account, effective_at, place);
create index book_lines_ledger on book_lines (ledger_id, effective_at, place);
create index book_lines_recorded on book_lines (tenant, recorded_at);

create table book_days (
    tenant text not null,
    account text not null,
    unit text not null,
    -- Days of UTC: a tenant may change its time zone, and its days are cut out of these by the lines.
    effective_on date not null,
    recorded_on date not null,
    -- Both from 0 up; numeric, because a sum may need more than 64 bits.
    debits numeric not null,
    credits numeric not null,
    primary key (tenant, account, unit, effective_on, recorded_on)
);
