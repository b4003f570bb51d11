-- Every request that was turned away for its key, role or tenant, as far as the bounded rate of the
-- recorder allows. Never holds a secret, only the public prefix of a key.
create table denied_attempts (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    -- key_missing, key_unknown, key_revoked, key_expired, role_insufficient, tenant_not_yours, ...
    reason text not null,
    method text not null,
    -- The route's template, without ids.
    route text not null,
    key_prefix text,
    -- The tenant that was named, when there was one.
    tenant text,
    -- Leads to the log lines of the request.
    request_id text not null
);

create index denied_attempts_at on denied_attempts (at);

create function refuse_change_of_denied_attempts() returns trigger language plpgsql as $$
begin
    raise exception 'denied_attempts is append-only';
end
$$;

create trigger denied_attempts_append_only
    before update or delete or truncate on denied_attempts
    for each statement execute function refuse_change_of_denied_attempts();
