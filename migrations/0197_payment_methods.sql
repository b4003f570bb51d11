-- Cards that providers keep for customers, and charges without them. What could pay stands here alone:
-- no event has it, and it is deleted when the card is removed at its provider.
create table payment_methods (
    method_id uuid primary key,
    tenant text not null,
    account_id uuid not null,
    -- Through which of the provider's doors, such as stripe/shop.
    channel text not null,
    -- The provider's ids of the card and of its customer there.
    method_ref text not null,
    customer_ref text,
    -- It is to be removed at the provider although no event says so: nobody may keep it.
    is_unwanted boolean not null default false,
    attempts int not null default 0,
    next_at timestamptz not null default clock_timestamp(),
    noted_at timestamptz not null default clock_timestamp()
);

comment on table payment_methods is 'Cards that providers keep: their ids there';

create index payment_methods_account on payment_methods (account_id);
create index payment_methods_channel on payment_methods (tenant, channel);

-- Who a customer is at a provider.
create table payment_customers (
    channel text not null,
    account_id uuid not null,
    tenant text not null,
    customer_ref text not null,
    primary key (channel, account_id)
);

comment on table payment_customers is 'Who customers are at providers';

alter table payment_checkouts
    add column account_id uuid,
    -- The customer wants the card to be kept that they pay with.
    add column keep_card boolean not null default false,
    -- What they agreed to with that, to hold from when the card is kept.
    add column agreement jsonb,
    -- When it was seen whether the card is kept.
    add column card_seen_at timestamptz,
    -- The card that is charged without its holder; null for a page.
    add column method_id uuid,
    -- The bank wants its holder after all, so there is a page.
    add column needs_customer boolean not null default false;

create index payment_checkouts_cards on payment_checkouts (channel, next_at)
    where keep_card and card_seen_at is null;
