-- Version 2 of the read model `reconciliation` shows fiscal receipts that could not be registered. Where there
-- are events it is filled from position 0 beside the old generation, as every changed read model is, and
-- takes its place.
--
-- On an empty log there is nothing to fill: what is there becomes version 2, so that a new installation
-- builds nothing and every query finds its columns.
do $$
begin
    if exists (select from events) or not exists (
        select from projection_generations
        where name = 'reconciliation' and generation = 1 and code_version = 1 and state = 'active'
    ) then
        return;
    end if;
    -- What a payment costs.
    alter table rm_reconciliation_1.recon_payments
        add column price_minor bigint not null,
        add column currency text not null;
    create or replace view recon_payments as select * from rm_reconciliation_1.recon_payments;
    update projection_generations set code_version = 2
    where name = 'reconciliation' and generation = 1;
end
$$;
