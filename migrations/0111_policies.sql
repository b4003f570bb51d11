-- Policies (process managers): what they remember, what they ordered, and where each version begins to
-- have an effect. Memory, orders and checkpoint are written in one transaction.
create table policies (
    name text collate "C" not null,
    version int not null,
    -- Up to here the version only remembers: the version before it, or nobody, acted on these events.
    mark_position bigint not null,
    mark_at timestamptz not null,
    -- An older version acted before the mark, so what was due until then has been sent.
    replaces int,
    -- It passed the mark: from then on it acts, and older versions do not.
    live_at timestamptz,
    primary key (name, version)
);

comment on table policies is 'From where on each version of a policy acts';

-- What a policy remembers of each of its instances.
create table process_instances (
    policy text collate "C" not null,
    version int not null,
    tenant text collate "C" not null,
    -- Mostly the id of an aggregate.
    key uuid not null,
    state jsonb not null,
    -- The last event that it saw.
    position bigint not null,
    primary key (policy, version, tenant, key)
);

comment on table process_instances is 'The memory of policies, one row for each instance';

-- Commands that are due now or later. Sent by any process, each exactly once in effect: its id is
-- derived from the event that led to it, and the log keeps receipts.
create table scheduled_commands (
    id bigint primary key generated always as identity,
    policy text collate "C" not null,
    policy_version int not null,
    -- Names the timer; the next command of the key takes the place of one that was not sent yet.
    key text,
    command_id uuid not null,
    tenant text collate "C" not null,
    aggregate text not null,
    aggregate_id uuid not null,
    command jsonb not null,
    correlation_id uuid not null,
    causation_id uuid not null,
    due_at timestamptz not null,
    -- held: ordered in a replay, waits for its policy to pass the mark | pending: waits to be due |
    -- sending: handed over, or about to be; can no longer be cancelled | done: its outcome is known |
    -- failed: nobody can carry it out | cancelled | replaced: by the next command of its key |
    -- suppressed: it was sent by the version before
    state text not null check (state in
        ('held', 'pending', 'sending', 'done', 'failed', 'cancelled', 'replaced', 'suppressed')),
    attempts int not null default 0,
    -- Not tried before this instant.
    next_at timestamptz not null,
    -- accepted with the place of its events, or refused with the reason.
    outcome jsonb,
    last_error text,
    created_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    unique (policy, policy_version, command_id)
);

comment on table scheduled_commands is 'Commands of policies that are due now or later, and their outcomes';

create unique index scheduled_commands_key on scheduled_commands (policy, policy_version, key)
    where state in ('held', 'pending');
create index scheduled_commands_due on scheduled_commands (next_at, id)
    where state in ('pending', 'sending');
create index scheduled_commands_ended on scheduled_commands (ended_at) where ended_at is not null;
