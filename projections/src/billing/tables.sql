-- Read model `billing`: one row per customer who has ever kept a card. `method` holds personal data
-- (brand, last four digits and expiry of the card) until the card is removed or the person erased.
-- Run in the schema of a generation: names are without a schema. A change needs a new `version()`.
create table billing_directory (
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

create unique index billing_directory_account on billing_directory (tenant, account_id);
create index billing_directory_charging on billing_directory (tenant, charging_channel)
    where charging_channel is not null;
