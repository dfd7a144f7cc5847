-- +goose Up
-- Building an index of a long log may take longer than a statement of ours should.
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;

-- People of this side. They are never deleted: a name in the log always means one person.
CREATE TABLE users (
    name          text PRIMARY KEY,
    role          text NOT NULL,
    password_hash text NOT NULL,        -- argon2id, in the PHC form
    disabled      boolean NOT NULL,
    created_at    timestamptz NOT NULL
);

-- Who is logged in.
CREATE TABLE sessions (
    hash     bytea PRIMARY KEY,         -- SHA-256 of a random secret
    name     text NOT NULL REFERENCES users (name),
    begun_at timestamptz NOT NULL,
    seen_at  timestamptz NOT NULL
);
CREATE INDEX sessions_name ON sessions (name);

-- Failed logins of a name, an address, or the two together; shared, so that a guesser gets no more
-- tries from more replicas.
CREATE TABLE login_tries (
    key       bytea PRIMARY KEY,
    name      bytea,                    -- hash of the name; null for an address
    failed    integer NOT NULL,
    last_at   timestamptz NOT NULL,
    until     timestamptz NOT NULL
);
CREATE INDEX login_tries_name ON login_tries (name);
CREATE INDEX login_tries_last ON login_tries (last_at);

-- Secrets of programs, made in the admin.
CREATE TABLE api_tokens (
    name       text PRIMARY KEY,
    hash       bytea NOT NULL UNIQUE,   -- SHA-256 of a random secret
    role       text NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    used_at    timestamptz,             -- to the hour
    expires_at timestamptz,             -- null: never
    revoked_at timestamptz
);

-- What people and tokens did in the admin that is no change of an order: those are in the log.
CREATE TABLE audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    actor      text NOT NULL,
    action     text NOT NULL,
    subject    text NOT NULL,
    detail     text NOT NULL,
    request_id text NOT NULL
);
CREATE INDEX audit_at ON audit (at, id);

-- What the audit tells of the log: changes by people and by tokens that have a name. What bridges and
-- the settings' client bring is not in it, so most writes only look at the condition. Actor and event
-- are keys so that a filter by them is answered without the rows.
CREATE INDEX log_people ON log (at, seq, actor, event) WHERE actor ~ '^(user|token|admin):';
