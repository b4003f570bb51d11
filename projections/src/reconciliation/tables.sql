-- Read model `reconciliation`: what Kontor says moved (side 1) and what providers and banks say (side
-- 2), which of them belong together, and the work on what does not.
-- Run in the schema of a generation: names are without a schema. A change needs a new `version()`.
create table recon_items (
    id uuid primary key,
    -- A thousand times the position of the first event that named it, and its place there: unique.
    place bigint not null unique,
    tenant text not null,
    -- stripe | yookassa | telegram_stars | manual
    provider text not null,
    -- 1: Kontor's, or a payout that a provider says it sent. 2: a provider's, or what the bank got.
    side smallint not null,
    -- What it is held against: charge | refund | dispute | payout | other; empty when nothing is.
    bucket text not null,
    -- charge | refund | dispute | fee | payout | arrival | other
    kind text not null,
    -- The one id that side 1 is known by.
    reference text,
    -- The ids that side 2 names.
    refs text[] not null,
    -- The source's id of the line, or the payment's own.
    external_id text not null,
    amount_minor bigint not null,
    fee_minor bigint not null,
    net_minor bigint not null,
    -- What the other side must say, in minor units.
    expected_minor bigint not null,
    currency text not null,
    at timestamptz not null,
    payout_ref text,
    payment_id uuid,
    -- The hash of the file that a line came from.
    file text,
    -- It turned out not to have happened, such as a refund that came back.
    void boolean not null,
    version bigint not null,
    -- What it belongs to on the other side: at most one, which the index below enforces.
    partner uuid,
    -- reference | window
    matched_by text,
    -- missing | duplicate | amount_differs | currency_differs | late | fee_unexplained | receipt_missing;
    -- none when all is well.
    fault text
);

create unique index recon_items_partner on recon_items (partner) where partner is not null;
create index recon_items_reference on recon_items (tenant, provider, bucket, reference)
    where side = 1;
create index recon_items_amount
    on recon_items (tenant, provider, bucket, currency, expected_minor, at);
create index recon_items_faults on recon_items (tenant, place) where fault is not null;
create index recon_items_days on recon_items (tenant, provider, side, at);
create index recon_items_payout on recon_items (tenant, payout_ref) where payout_ref is not null;
create index recon_items_file on recon_items (tenant, file) where file is not null;

-- The ids that lines of side 2 name, one a row.
create table recon_refs (
    item_id uuid not null,
    reference text not null,
    tenant text not null,
    provider text not null,
    bucket text not null,
    primary key (item_id, reference)
);

create index recon_refs_reference on recon_refs (tenant, provider, bucket, reference);

-- The files that lines came from.
create table recon_files (
    tenant text not null,
    -- stripe | yookassa | telegram_stars | bank
    source text not null,
    sha256 text not null,
    lines bigint not null,
    -- The first event that names it.
    position bigint not null,
    recorded_at timestamptz not null,
    primary key (tenant, source, sha256)
);

-- The work on differences, by the id of the item.
create table recon_work (
    id uuid primary key,
    tenant text not null,
    -- open | assigned | explained | write_off_proposed | adjusted | written_off
    standing text not null,
    -- Who takes care of it, and who proposed to give it up: the names of their keys.
    assignee text,
    proposed_by text,
    -- Who did the last step.
    last_by text not null,
    explanation text,
    reference text,
    -- What is booked, or to be booked.
    posting jsonb,
    changed_at timestamptz not null,
    position bigint not null,
    version bigint not null
);

create index recon_work_tenant on recon_work (tenant, standing);

-- What the facts of a payment do not repeat: who takes how much money, and what is contested.
create table recon_payments (
    id uuid primary key,
    provider text not null,
    -- By the id of the dispute: the charge and the amount.
    disputes jsonb not null,
    version bigint not null,
    -- What it costs.
    price_minor bigint not null,
    currency text not null
);
