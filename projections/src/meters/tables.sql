-- Read model `meters`: one row per meter with its particulars and what it showed last.
-- Run in the schema of a generation: names are without a schema. A change needs a new `version()`.
create table meter_directory (
    id uuid primary key,
    tenant text not null,
    account_id uuid not null,
    -- electricity | cold_water | hot_water | gas | heat
    kind text not null,
    zones smallint not null,
    digits smallint not null,
    serial_number text not null,
    place text not null,
    verification_due_on date,
    registered_on date not null,
    archived_at timestamptz,
    archived_reason text,
    -- Thousandths per tariff zone; zones that the meter does not have are empty. Until the first
    -- reading these are the values at registration.
    last_t1_milli bigint,
    last_t2_milli bigint,
    last_t3_milli bigint,
    last_taken_on date,
    last_reading_id uuid,
    created_position bigint not null,
    position bigint not null,
    version bigint not null
);

create unique index meter_directory_order on meter_directory (tenant, created_position);
create index meter_directory_account on meter_directory (tenant, account_id, created_position);
