-- Read model `accounts`: one row per account. Holds personal data: names and telephone numbers.
-- Stream ids are unique in the whole log, so the id alone is the key; every query names the tenant too.
-- Run in the schema of a generation: names are without a schema. A change needs a new `version()`.
create table account_directory (
    id uuid primary key,
    tenant text not null,
    display_name text not null,
    language text not null,
    phone text,
    -- The version of the consent text that is in force, and since when; both empty without consent.
    consent_version text,
    consent_at timestamptz,
    -- telegram | api
    origin_kind text not null,
    -- The bot that the holder first wrote to.
    telegram_bot text,
    telegram_user_id bigint,
    telegram_username text,
    -- The customer's number in the system of the program that registered it.
    external_id text,
    -- Names of the bots that the holder blocked.
    bots_blocked text[] not null,
    registered_at timestamptz not null,
    created_position bigint not null,
    position bigint not null,
    version bigint not null,
    -- The holder wants no reminders of readings.
    reminders_muted boolean not null default false
);

create unique index account_directory_order on account_directory (tenant, created_position);
create index account_directory_telegram on account_directory (tenant, telegram_user_id)
    where telegram_user_id is not null;

-- People who were erased. Nothing personal: only that this account exists no more, so that a person
-- who comes back gets another one.
create table account_erasures (
    id uuid primary key,
    tenant text not null,
    -- When the erasure was asked for; empty while the log was not read that far.
    erased_at timestamptz,
    position bigint not null,
    version bigint not null
);
