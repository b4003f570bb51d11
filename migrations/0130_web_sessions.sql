-- Who is logged in on the operations page. The cookie holds 256 random bits, the table their hash:
-- whoever reads the table cannot become anybody. A session ends with its key.
create table web_sessions (
    -- sha256 of the cookie's value.
    hash bytea primary key check (length(hash) = 32),
    key_id uuid not null references api_keys (id) on delete cascade,
    created_at timestamptz not null,
    -- Moved at most every few minutes; the end moves with it.
    last_seen_at timestamptz not null,
    expires_at timestamptz not null
);

comment on table web_sessions is 'Sessions of people on the operations page';

-- The newest sessions of a key are kept, older ones go.
create index web_sessions_key on web_sessions (key_id, created_at);
create index web_sessions_expires_at on web_sessions (expires_at);
