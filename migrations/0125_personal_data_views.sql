-- Who looked at personal data on the command line, by asking for it with --personal: written before
-- anything is shown. The rest of the command line masks it.
create table personal_data_views (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    -- The account of the operating system and the machine, as far as they can be told: user@host.
    viewer text not null,
    -- The verb that was typed, such as stream show.
    verb text not null,
    -- What it was asked about: a stream, a position or a filter, never the data itself.
    subject text not null
);

comment on table personal_data_views is 'Every look at personal data by the command line';

create index personal_data_views_at on personal_data_views (at);

create function refuse_change_of_personal_data_views() returns trigger language plpgsql as $$
begin
    raise exception 'personal_data_views is append-only';
end
$$;

create trigger personal_data_views_append_only
    before update or delete or truncate on personal_data_views
    for each statement execute function refuse_change_of_personal_data_views();
