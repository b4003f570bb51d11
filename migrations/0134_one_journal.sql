-- One journal of what people did by hand: looks at personal data by the command line were kept apart
-- from what was done on the operations page. Their rows move; their times stay, so the journal is
-- read in the order of `at`, not of `id`.
insert into operator_actions (at, key_prefix, action, target, outcome, request_id)
select at, case when viewer like 'key %' then substr(viewer, 5) else 'cli ' || viewer end,
    'personal_data_shown', verb || ' ' || subject, 'done', ''
from personal_data_views
order by id;

alter table personal_data_views disable trigger personal_data_views_append_only;
delete from personal_data_views;
alter table personal_data_views enable trigger personal_data_views_append_only;

-- Programs of the version before still write here while a deployment is under way: what they note
-- goes into the journal. The table goes with the next release.
create function forward_personal_data_view() returns trigger language plpgsql as $$
begin
    insert into operator_actions (at, key_prefix, action, target, outcome, request_id)
    values (
        new.at,
        case when new.viewer like 'key %' then substr(new.viewer, 5) else 'cli ' || new.viewer end,
        'personal_data_shown', new.verb || ' ' || new.subject, 'done', ''
    );
    return null;
end
$$;

create trigger personal_data_views_forward
    before insert on personal_data_views
    for each row execute function forward_personal_data_view();

comment on table personal_data_views is 'Forwards to operator_actions; for programs from before migration 0134';
comment on column operator_actions.key_prefix is
    'Who did it: the public part of a key, or `cli user@host` for the command line';

drop index operator_actions_at;
create index operator_actions_in_order on operator_actions (at, id);
