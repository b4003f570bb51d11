-- Payments by card: pages of providers on which customers pay, and what was asked of providers. These
-- tables outlive the providers' own memory of a request (a day or so): what was sent once is looked
-- for before it is sent again. They hold nothing about people.
create table payment_checkouts (
    payment_id uuid primary key,
    tenant text not null,
    -- Through which of the provider's doors, such as stripe/shop.
    channel text not null,
    -- What the provider is asked for: title, price, language, until when.
    asked jsonb not null,
    -- wanted: the page is not open yet; open: the customer can pay, or the bank has not said what came
    -- of it; over: nothing more is expected; refused: the provider opens no page for it.
    state text not null default 'wanted' check (state in ('wanted', 'open', 'over', 'refused')),
    -- The provider's id of the page.
    provider_ref text,
    url text,
    -- Why the provider refused it, as a code.
    failure text,
    -- Attempts since the last one that succeeded.
    attempts int not null default 0,
    -- When the provider was first asked for the page.
    first_sent_at timestamptz,
    next_at timestamptz not null default clock_timestamp(),
    wanted_at timestamptz not null default clock_timestamp(),
    -- The bot that has yet to send the page's address, because it could not wait for it.
    tell_bot text
);

comment on table payment_checkouts is 'Pages of providers on which payments are made';

create index payment_checkouts_due on payment_checkouts (channel, next_at) where state in ('wanted', 'open');
create index payment_checkouts_tell on payment_checkouts (tell_bot) where tell_bot is not null;

-- Refunds that a provider was asked for.
create table payment_refund_calls (
    refund_id uuid primary key,
    payment_id uuid not null,
    channel text not null,
    -- The provider's id of the refund, once it said one.
    provider_ref text,
    attempts int not null default 0,
    first_sent_at timestamptz not null default clock_timestamp(),
    next_at timestamptz not null default clock_timestamp()
);

comment on table payment_refund_calls is 'Refunds that providers were asked for, and when first';

create index payment_refund_calls_payment on payment_refund_calls (payment_id);

-- Up to when notifications that a provider could not deliver were looked for.
create table payment_sweeps (
    channel text primary key,
    swept_until timestamptz not null
);

comment on table payment_sweeps is 'Up to when lost notifications of each door were looked for';
