-- One key for each person whose data is in the log. Personal fields of events are encrypted with it
-- (AES-256-GCM); destroying it erases the person from every event at once, also from copies.
--
-- In a schema of its own, so that it can be backed up apart and for a shorter time: whoever has an
-- old copy of this table and the master key can read the people who were erased since.
create schema kontor_keys;

create table kontor_keys.subject_keys (
    tenant text collate "C" not null,
    -- The person's account.
    subject_id uuid not null,
    -- Stands in each encrypted field.
    key_id uuid not null,
    -- Nonce and ciphertext of the key under a master key; gone once the person is erased. The row
    -- stays, so that "erased" and "unknown" are two things and no new key is ever made.
    wrapped_key bytea,
    -- The first bytes of the master key's hash, in hexadecimal.
    master_key_id text collate "C",
    created_at timestamptz not null default clock_timestamp(),
    erased_at timestamptz,
    primary key (tenant, subject_id),
    constraint subject_keys_key_id unique (key_id),
    constraint subject_keys_whole_or_erased
        check ((wrapped_key is null) = (erased_at is not null)
            and (wrapped_key is null) = (master_key_id is null))
);

comment on table kontor_keys.subject_keys is 'The key of each person, wrapped by a master key';

-- For the change of the master key, and for the question which master keys are in use.
create index subject_keys_master_key on kontor_keys.subject_keys (master_key_id, key_id)
    where wrapped_key is not null;
-- Processes look here for people to drop from memory.
create index subject_keys_erased_at on kontor_keys.subject_keys (erased_at)
    where erased_at is not null;

-- How far each erasure is. While it is under way the row knows what the log does not tell any more
-- once the key is gone; when it is finished nothing personal is left in it.
create table kontor_keys.erasures (
    tenant text collate "C" not null,
    subject_id uuid not null,
    -- Nothing that came in before is left of the person afterwards.
    started_at timestamptz not null default clock_timestamp(),
    telegram_user_id bigint,
    finished_at timestamptz,
    primary key (tenant, subject_id)
);

comment on table kontor_keys.erasures is 'Erasures of people, under way and finished';
