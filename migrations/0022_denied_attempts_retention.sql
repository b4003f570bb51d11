-- Denied attempts may be forgotten after 90 days and not before; nothing else about them changes.
create or replace function refuse_change_of_denied_attempts() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and old.at < now() - interval '90 days' then
        return old;
    end if;
    raise exception 'denied_attempts is append-only for 90 days';
end
$$;

drop trigger denied_attempts_append_only on denied_attempts;

create trigger denied_attempts_append_only
    before update or delete on denied_attempts
    for each row execute function refuse_change_of_denied_attempts();

create trigger denied_attempts_no_truncate
    before truncate on denied_attempts
    for each statement execute function refuse_change_of_denied_attempts();
