-- Read model `products`: what each tenant sells. Its first generation is active at once, so that every
-- query finds its table; the follower fills it from position 0.
create schema rm_products_1;

create table rm_products_1.product_directory (
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

create unique index product_directory_order on rm_products_1.product_directory (tenant, created_position);
create index product_directory_active on rm_products_1.product_directory (tenant, ordinal, created_position)
    where active;

create view product_directory as select * from rm_products_1.product_directory;

insert into projection_generations (name, generation, code_version, state, tables, promoted_at)
values ('products', 1, 1, 'active', '{product_directory}', clock_timestamp());
