-- Read model `credits`: what each customer has, what became of it, and the journal behind both.
-- Run in the schema of a generation: names are without a schema. A change needs a new `version()`.
create table credit_balances (
    -- The ledger; its id follows from the account's.
    id uuid primary key,
    tenant text not null,
    account_id uuid not null,
    -- Credits on the customer's accounts. What has run out counts until that is booked; what cannot be
    -- used because its payment is disputed counts too.
    available bigint not null,
    held bigint not null,
    owed bigint not null,
    spent bigint not null,
    -- Messages that were sent, for credits and under passes.
    messages bigint not null,
    -- When the last pass ends; none without one.
    pass_ends_at timestamptz,
    booked_at timestamptz not null,
    -- The last hash of the chain, 64 hexadecimal digits: with `version` an end to keep elsewhere.
    head text not null,
    created_position bigint not null,
    position bigint not null,
    version bigint not null
);

create unique index credit_balances_order on credit_balances (tenant, created_position);
create index credit_balances_account on credit_balances (tenant, account_id);

create table credit_history (
    ledger_id uuid not null,
    version bigint not null,
    tenant text not null,
    position bigint not null,
    -- The event without its aggregate, such as spent.
    kind text not null,
    -- The grant, pass, spend, hold, refund, reversal or dispute; none for the ledger as a whole.
    subject_id uuid,
    -- How many credits the customer has more (less) by it, and how many after it.
    credits bigint not null,
    available bigint not null,
    messages bigint not null,
    booked_at timestamptz not null,
    primary key (ledger_id, version)
);

create index credit_history_grants on credit_history (ledger_id, version) where kind = 'granted';

create table ledger_entries (
    ledger_id uuid not null,
    -- A thousand times the version of the booking, and the line in it from 0: the order of the journal.
    entry bigint not null,
    tenant text not null,
    position bigint not null,
    version bigint not null,
    account text not null,
    -- CR | MSG | a currency's code
    unit text not null,
    -- Debits are positive, in whole credits, messages or minor units.
    amount bigint not null,
    -- The grant or pass, where the account is divided by them.
    grant_id uuid,
    booked_at timestamptz not null,
    primary key (ledger_id, entry)
);
