-- Read model `billing`: the cards that customers keep, what they agreed to, what is charged. Its first
-- generation is active at once, so that every query finds its table; the follower fills it from
-- position 0.
create schema rm_billing_1;

create table rm_billing_1.billing_directory (
    id uuid primary key,
    tenant text not null,
    account_id uuid not null,
    -- The card that is kept: its id, who keeps it, what is shown of it.
    method jsonb,
    -- The ids of the cards that were removed last, at most 32.
    removed jsonb not null,
    -- What the customer agreed to and holds, with the words and when.
    agreement jsonb,
    -- Why the last agreement ended.
    disabled text,
    -- The charges of the newest month, and the one that is under way; at most 101.
    charges jsonb not null,
    -- The door through which a charge is under way; null when there is none.
    charging_channel text,
    -- After a decline: before that nothing is tried again.
    retry_at timestamptz,
    position bigint not null,
    version bigint not null
);

create unique index billing_directory_account on rm_billing_1.billing_directory (tenant, account_id);
create index billing_directory_charging on rm_billing_1.billing_directory (tenant, charging_channel)
    where charging_channel is not null;

create view billing_directory as select * from rm_billing_1.billing_directory;

insert into projection_generations (name, generation, code_version, state, tables, promoted_at)
values ('billing', 1, 1, 'active', '{billing_directory}', clock_timestamp());
