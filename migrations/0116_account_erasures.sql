-- Read model `accounts` has a second table: people who were erased. Nothing personal: only that this
-- account exists no more, so that a person who comes back gets another one.
--
-- It comes into the generations that there are. No event of before leads to a row, so none is built
-- anew.
do $$
declare
    made record;
begin
    for made in
        select generation from projection_generations where name = 'accounts' and state <> 'retired'
    loop
        execute format(
            'create table rm_accounts_%s.account_erasures (
                 id uuid primary key,
                 tenant text not null,
                 erased_at timestamptz,
                 position bigint not null,
                 version bigint not null
             )',
            made.generation
        );
    end loop;
    for made in
        select generation from projection_generations where name = 'accounts' and state = 'active'
    loop
        execute format(
            'create view account_erasures as select * from rm_accounts_%s.account_erasures',
            made.generation
        );
    end loop;
end
$$;

update projection_generations
set tables = tables || '{account_erasures}'
where name = 'accounts' and state <> 'retired';
