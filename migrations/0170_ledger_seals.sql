-- Seals of the credit ledgers: a copy of what was published and written to the file outside of the
-- database, so that proofs can be made and what a file or the broker lacks can be made good. The proof
-- is what stands outside: whoever can change these tables can change them together with the log.
create table ledger_seals (
    -- From 1, without a gap.
    number bigint primary key check (number > 0),
    -- The position of the last booking that is in it.
    position bigint not null,
    ledgers bigint not null,
    bookings bigint not null,
    -- How many ledgers changed since the seal before: as many rows has ledger_seal_ends.
    changed bigint not null,
    sealed_at timestamptz not null,
    -- The seal as it was published.
    seal jsonb not null
);

comment on table ledger_seals is 'Signed roots over the ends of all credit ledgers';

-- The ends of the ledgers that changed. The end of any ledger in seal n is its row with the highest
-- number up to n.
create table ledger_seal_ends (
    -- The place in the tree: how many ledgers were opened before it.
    leaf bigint not null check (leaf >= 0),
    number bigint not null references ledger_seals (number),
    ledger_id uuid not null,
    tenant text collate "C" not null,
    version bigint not null,
    -- 64 hexadecimal digits.
    head text collate "C" not null,
    primary key (leaf, number)
);

comment on table ledger_seal_ends is 'The ends of credit ledgers, where they changed';

create index ledger_seal_ends_ledger on ledger_seal_ends (ledger_id, number);
create index ledger_seal_ends_number on ledger_seal_ends (number);

create function forbid_seal_change() returns trigger language plpgsql as $$
begin
    raise exception 'seals are append only: % on % is forbidden', lower(tg_op), tg_table_name
        using errcode = 'restrict_violation';
end
$$;

create trigger ledger_seals_append_only
    before update or delete or truncate on ledger_seals
    for each statement execute function forbid_seal_change();
create trigger ledger_seal_ends_append_only
    before update or delete or truncate on ledger_seal_ends
    for each statement execute function forbid_seal_change();

-- How far the log was looked through, sealed or found to hold no new booking. One row.
create table ledger_sealer (
    only_one boolean primary key default true check (only_one),
    position bigint not null,
    -- How often it looks, in seconds: what is older than some of these waits for somebody.
    every_seconds bigint not null,
    looked_at timestamptz not null
);

comment on table ledger_sealer is 'The last look of the process that seals credit ledgers';
