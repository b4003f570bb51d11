-- What operators order followers to do, and how one version of a reactor takes over from another.

-- A follower that is named here keeps its place and does nothing; it looks every second.
create table follower_pauses (
    name text not null,
    -- The number of a generation; 0 stands for the follower as a whole.
    version int not null default 0,
    paused_at timestamptz not null default clock_timestamp(),
    primary key (name, version)
);

comment on table follower_pauses is 'Followers that an operator paused';

-- Another version of a reactor asked for this one's place: it ends its page, gives its lease back, and
-- the other one goes on from its position. The state `superseded` says that this has happened.
alter table checkpoints
    add column superseded_by int,
    add column superseded_at timestamptz;
