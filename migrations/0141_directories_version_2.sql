-- The read models `accounts` and `tenants` learned of reminders, erasures and rules for credits while
-- they kept their version (0112, 0116, 0151). A process from before that ran on during the deployment
-- filled the same generation and passed over events that it did not know. Version 2 of their code is
-- filled from position 0 beside the old generation, as every changed read model is, and takes its place.
--
-- On an empty log nothing was passed over, and the tables are the same: what is there becomes version 2,
-- so that a new installation builds nothing.
update projection_generations
set code_version = 2
where name in ('accounts', 'tenants') and code_version = 1 and state <> 'retired'
    and not exists (select from events);
