-- Keys of programs that call the HTTP API. Only a hash of the secret is kept: 256 random bits need
-- no slow hash.
create table api_keys (
    id uuid primary key,
    -- The public part of the key, by which it is found and named in logs.
    prefix text not null unique,
    -- sha256 of the secret part.
    hash bytea not null check (length(hash) = 32),
    -- Empty: the key of the whole platform, which names a tenant in each request.
    tenant text,
    -- reader | operator | admin; admins open tenants and belong to the platform.
    role text not null check (role in ('reader', 'operator', 'admin')),
    label text not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    -- To the minute.
    last_used_at timestamptz,
    check (role <> 'admin' or tenant is null)
);
