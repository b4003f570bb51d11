-- Read models in generations: each has tables of its own, so that a changed projection, or a doubted
-- one, is built beside the one that is read, and takes its place in one transaction.
--
-- Generation n of the projection `name` lives in the schema rm_<name>_<n>. Readers know the tables by
-- their plain names: those are views in `public` on the active generation. In `checkpoints` and
-- `dead_letters` the column `version` of a projection holds the number of the generation.
create table projection_generations (
    name text collate "C" not null,
    generation int not null check (generation > 0),
    -- Projection::version() of the code that fills it; only processes of that version do.
    code_version int not null,
    -- building: filled from position 0, promoted when it has caught up;
    -- active: the one that the views show;
    -- standby: was active, and is kept up to date so that it can be active again;
    -- retired: its tables are gone, the row stays as history.
    state text not null check (state in ('building', 'active', 'standby', 'retired')),
    -- In how many parts, by stream, it is filled side by side: a power of two.
    segments int not null default 1
        check (segments between 1 and 64 and segments & (segments - 1) = 0),
    -- Whether it is promoted by itself when it has caught up.
    auto_promote boolean not null default true,
    -- Its tables; a view in `public` belongs to each while it is active.
    tables text[] not null check (cardinality(tables) > 0),
    created_at timestamptz not null default clock_timestamp(),
    promoted_at timestamptz,
    retired_at timestamptz,
    primary key (name, generation)
);

comment on table projection_generations is 'The generations of each read model and which one is read';

create unique index projection_generations_active on projection_generations (name)
    where state = 'active';

-- The tables so far become generation 1. The views can be written through, so a process that does not
-- know of generations yet goes on with its work during the deployment.
create schema rm_tenants_1;
alter table tenant_directory set schema rm_tenants_1;
create view tenant_directory as select * from rm_tenants_1.tenant_directory;

create schema rm_accounts_1;
alter table account_directory set schema rm_accounts_1;
create view account_directory as select * from rm_accounts_1.account_directory;

create schema rm_meters_1;
alter table meter_directory set schema rm_meters_1;
create view meter_directory as select * from rm_meters_1.meter_directory;

create schema rm_readings_1;
alter table reading_history set schema rm_readings_1;
create view reading_history as select * from rm_readings_1.reading_history;

insert into projection_generations (name, generation, code_version, state, tables, promoted_at)
values
    ('tenants', 1, 1, 'active', '{tenant_directory}', clock_timestamp()),
    ('accounts', 1, 1, 'active', '{account_directory}', clock_timestamp()),
    ('meters', 1, 1, 'active', '{meter_directory}', clock_timestamp()),
    ('readings', 1, 1, 'active', '{reading_history}', clock_timestamp());
