-- Read model `readings`: one row per accepted reading, by its newest correction.
-- The key is the meter and its stream version at the submission: it is the order of the history,
-- and the only index, so that a rebuild writes one tree.
-- Run in the schema of a generation: names are without a schema. A change needs a new `version()`.
create table reading_history (
    meter_id uuid not null,
    version bigint not null,
    tenant text not null,
    account_id uuid not null,
    reading_id uuid not null,
    position bigint not null,
    taken_on date not null,
    -- First day of the month that the reading counts for.
    period date not null,
    -- Thousandths per tariff zone; zones that the meter does not have are empty.
    value_t1_milli bigint,
    value_t2_milli bigint,
    value_t3_milli bigint,
    consumption_t1_milli bigint,
    consumption_t2_milli bigint,
    consumption_t3_milli bigint,
    -- What is usual over as many days, over all zones; empty while too little is known.
    usual_milli bigint,
    -- telegram | web | api | operator | import
    source text not null,
    confirmed boolean not null,
    rolled_over text[] not null,
    warnings text[] not null,
    photo jsonb,
    submitted_at timestamptz not null,
    corrections integer not null,
    corrected_at timestamptz,
    correction_reason text,
    -- Stream version of the last event in the row; a page that comes twice changes nothing.
    changed_version bigint not null,
    primary key (meter_id, version)
);
