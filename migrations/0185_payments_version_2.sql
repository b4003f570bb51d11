-- Version 2 of the read model `payments` shows fiscal receipts. Where there are events it is filled from
-- position 0 beside the old generation, as every changed read model is, and takes its place.
--
-- On an empty log there is nothing to fill: what is there becomes version 2, so that a new installation
-- builds nothing and every query finds its column.
do $$
begin
    if exists (select from events) or not exists (
        select from projection_generations
        where name = 'payments' and generation = 1 and code_version = 1 and state = 'active'
    ) then
        return;
    end if;
    -- At most 16: how far the fiscal receipts of charges and refunds have come.
    alter table rm_payments_1.payment_directory add column receipts jsonb not null;
    create index payment_directory_receipts on rm_payments_1.payment_directory (tenant, channel, position)
        where receipts @> '[{"standing": "requested"}]';
    create or replace view payment_directory as select * from rm_payments_1.payment_directory;
    update projection_generations set code_version = 2 where name = 'payments' and generation = 1;
end
$$;
