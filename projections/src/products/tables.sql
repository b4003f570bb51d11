-- Read model `products`: one row per product, with what price lists and pages need to know of it.
-- Run in the schema of a generation: names are without a schema. A change needs a new `version()`.
create table product_directory (
    id uuid primary key,
    tenant text not null,
    name_ru text not null,
    name_en text not null,
    -- What it gives: credits, or a pass (day | week | month); never both.
    credits bigint,
    pass text,
    -- digital | real_world
    kind text not null,
    -- A list of amounts in minor units, once in each currency, by the currency's code.
    prices jsonb not null,
    -- Whether it is on sale.
    active boolean not null,
    -- Its place in lists, lowest first.
    ordinal bigint not null,
    created_at timestamptz not null,
    created_position bigint not null,
    position bigint not null,
    version bigint not null
);

create unique index product_directory_order on product_directory (tenant, created_position);
create index product_directory_active on product_directory (tenant, ordinal, created_position)
    where active;
