-- Who may sign in, how they stay signed in, and what programs show instead.

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    -- As it is compared: in lower case.
    email text NOT NULL CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    -- Argon2id in the PHC string format: it names its own parameters, so that they can be raised later.
    password_hash text NOT NULL,
    role text NOT NULL CHECK (role IN ('user', 'admin')),
    -- Looks after the whole installation, all tenants included.
    is_operator boolean NOT NULL DEFAULT false CHECK (role = 'admin' OR NOT is_operator),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, email)
);
-- Signing in without naming a tenant (users.to_sign_in).
CREATE INDEX users_of_email ON users (email);
-- GET /v1/users (users.page).
CREATE INDEX users_listed ON users (tenant_id, created_at DESC, id DESC);

-- One row for each browser that is signed in; signing out removes it, so that a stolen cookie is worth nothing then.
CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_of_user ON sessions (user_id);
-- sessions.forget
CREATE INDEX sessions_expired ON sessions (expires_at);

CREATE TABLE api_tokens (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The token that made this one: it cannot outlive it.
    parent_id uuid REFERENCES api_tokens (id) ON DELETE CASCADE,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    -- SHA-256 of the secret, which has 256 random bits of its own and so needs no slow hash.
    secret_hash bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    role text NOT NULL CHECK (role IN ('user', 'admin')),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    last_used_at timestamptz
);
-- GET /v1/tokens of a user, and of a tenant (api_tokens.page).
CREATE INDEX api_tokens_of_user ON api_tokens (user_id, created_at DESC, id DESC);
CREATE INDEX api_tokens_listed ON api_tokens (tenant_id, created_at DESC, id DESC);
CREATE INDEX api_tokens_of_parent ON api_tokens (parent_id);

-- Attempts to sign in that have not succeeded, by a hash of what they were about: nobody is known by then.
CREATE TABLE login_attempts (
    key bytea PRIMARY KEY CHECK (length(key) = 32),
    failures integer NOT NULL,
    window_ends_at timestamptz NOT NULL
);
-- login_attempts.forget
CREATE INDEX login_attempts_over ON login_attempts (window_ends_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON login_attempts TO quern_service;

-- Who added a source may delete it; NULL is from a time without accounts, and admins' business.
ALTER TABLE sources ADD COLUMN created_by uuid;

-- GET /v1/audit by action and actor.
CREATE INDEX audit_log_of_action ON audit_log (tenant_id, action, id DESC);
CREATE INDEX audit_log_of_actor ON audit_log (tenant_id, actor, id DESC);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['users', 'sessions', 'api_tokens'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant_of_principal ON %I USING (quern_visible(tenant_id)) WITH CHECK (quern_visible(tenant_id))', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO quern_service', t);
    END LOOP;
END
$$;
