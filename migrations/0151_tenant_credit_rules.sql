-- The read model `tenants` learns of the rules for credits. No event of before says anything of them,
-- so the defaults are right in every generation and none is built anew.
do $$
declare
    made record;
begin
    for made in
        select 'rm_tenants_' || generation as schema, state
        from projection_generations
        where name = 'tenants' and state <> 'retired'
    loop
        execute format(
            'alter table %I.tenant_directory
                 add column if not exists credit_rules jsonb not null default ''{}''',
            made.schema);
        if made.state = 'active' then
            execute format(
                'create or replace view public.tenant_directory as select * from %I.tenant_directory',
                made.schema);
        end if;
    end loop;
end
$$;
