-- The read model `credits` finds the grants of a ledger without reading what was spent in between: the
-- chat shows with each balance how much was bought last. The rows stay as they are, so no generation is
-- built anew.
do $$
declare
    made record;
begin
    for made in
        select 'rm_credits_' || generation as schema
        from projection_generations
        where name = 'credits' and state <> 'retired'
    loop
        execute format(
            'create index if not exists credit_history_grants
                 on %I.credit_history (ledger_id, version) where kind = ''granted''',
            made.schema);
    end loop;
end
$$;
