-- What operators did by hand: logins, retries and skips of dead letters, looks at personal data.
-- Append only: it must also say what somebody would rather not have done.
create table operator_actions (
    id bigint primary key generated always as identity,
    at timestamptz not null default clock_timestamp(),
    -- The public part of the key under which it was done.
    key_prefix text not null,
    -- log_in, log_out, dead_letter_retry, dead_letter_skip, personal_data_shown
    action text not null,
    -- What it was done to, such as command:17; empty for logins.
    target text not null,
    -- The tenant that it was about, when it was about one.
    tenant text,
    -- What came of it, in a word.
    outcome text not null,
    -- Leads to the log lines of the request.
    request_id text not null
);

comment on table operator_actions is 'What operators did by hand, append only';

create index operator_actions_at on operator_actions (at);

create function refuse_change_of_operator_actions() returns trigger language plpgsql as $$
begin
    raise exception 'operator_actions is append only: % is forbidden', lower(tg_op)
        using errcode = 'restrict_violation';
end
$$;

create trigger operator_actions_append_only
    before update or delete or truncate on operator_actions
    for each statement execute function refuse_change_of_operator_actions();

-- Also in sessions that replay replication and would skip ordinary triggers.
alter table operator_actions enable always trigger operator_actions_append_only;
