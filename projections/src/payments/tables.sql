-- Read model `payments`: one row per payment, with its refunds, disputes and receipts.
-- Run in the schema of a generation: names are without a schema. A change needs a new `version()`.
create table payment_directory (
    id uuid primary key,
    tenant text not null,
    account_id uuid not null,
    -- The product as it was when it was offered: its id, its version, what it gives.
    product jsonb not null,
    price_minor bigint not null,
    currency text not null,
    -- stripe | yookassa | telegram_stars | manual
    provider text not null,
    -- Through which of the provider's doors, such as telegram/shop_bot.
    channel text not null,
    -- intent | pending | expired | unknown | failed | succeeded
    standing text not null,
    -- The provider's id of the charge that pays for it.
    provider_ref text,
    -- Why the provider refused it.
    failure text,
    expires_at timestamptz not null,
    begun_at timestamptz not null,
    paid_at timestamptz,
    -- Lists of at most 16 each: what goes back, what is contested.
    refunds jsonb not null,
    disputes jsonb not null,
    -- How often the provider said what cannot be.
    contradictions bigint not null,
    -- A refund waits for the provider's answer.
    refund_open boolean not null,
    created_position bigint not null,
    position bigint not null,
    version bigint not null,
    -- At most 16: how far the fiscal receipts of charges and refunds have come.
    receipts jsonb not null
);

create unique index payment_directory_order on payment_directory (tenant, created_position);
create index payment_directory_account on payment_directory (tenant, account_id, created_position);
create index payment_directory_refunds on payment_directory (tenant, channel, position)
    where refund_open;
create index payment_directory_receipts on payment_directory (tenant, channel, position)
    where receipts @> '[{"standing": "requested"}]';
