-- The read models `accounts` and `tenants` learn of the reminders of readings. What was recorded until
-- now says nothing of them, so the defaults are right in every generation and none is built anew.
do $$
declare
    generation record;
    new_column constant jsonb := '{
        "accounts": ["account_directory", "reminders_muted boolean not null default false"],
        "tenants": ["tenant_directory", "reading_reminders jsonb not null default ''{}''"]
    }';
begin
    for generation in
        select name, 'rm_' || name || '_' || g.generation as schema, state, new_column -> name ->> 0 as relation,
               new_column -> name ->> 1 as definition
        from projection_generations g
        where name in ('accounts', 'tenants') and state <> 'retired'
    loop
        execute format('alter table %I.%I add column if not exists %s',
            generation.schema, generation.relation, generation.definition);
        if generation.state = 'active' then
            execute format('create or replace view public.%I as select * from %I.%I',
                generation.relation, generation.schema, generation.relation);
        end if;
    end loop;
end
$$;
