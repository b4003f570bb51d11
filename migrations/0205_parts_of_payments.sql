-- The read models `payments`, `credits` and `books` learned of refunds of a part of a price. A process from
-- before that runs on during the deployment and passes over events that it does not know, so they have new
-- versions, which are filled from position 0 beside the old generations and take their place.
--
-- On an empty log nothing was passed over, and the tables are the same: what is there becomes the new
-- version, so that a new installation builds nothing.
update projection_generations
set code_version = code_version + 1
where (name, code_version) in (('payments', 2), ('credits', 1), ('books', 1)) and state <> 'retired'
    and not exists (select from events);
