-- Commands that could not be carried out at all (not refused by the business: unreadable, or failed
-- at every attempt). An operator looks at them, sends them again or gives them up.
create table command_dead_letters (
    id bigint primary key generated always as identity,
    -- As far as they could be read from the message.
    tenant text not null,
    aggregate text not null,
    command_id uuid,
    -- Hexadecimal, of the command or of the whole message: the same failure twice is one row.
    fingerprint text not null,
    reason text not null,
    attempts int not null,
    -- The message as it came.
    message bytea not null,
    recorded_at timestamptz not null default clock_timestamp(),
    state text not null default 'parked' check (state in ('parked', 'retried', 'skipped'))
);

comment on table command_dead_letters is 'Poison commands, for an operator to retry or skip';

-- A redelivered poison message adds to the attempts of its open row.
create unique index command_dead_letters_open on command_dead_letters (fingerprint)
    where state = 'parked';
