-- Who may see what. Every later table carries tenant_id and a policy on it.

DO $$
BEGIN
    CREATE ROLE quern_service NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
EXCEPTION
    -- Roles belong to the cluster, and another database of it may have made this one already.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

-- The principal of the transaction: a tenant's id, '*' for the services that work for all tenants,
-- unset for nobody. A transaction that forgets to say whom it works for sees no row.
CREATE FUNCTION quern_visible(row_tenant uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT current_setting('quern.tenant_id', true) = '*'
        OR row_tenant = nullif(nullif(current_setting('quern.tenant_id', true), '*'), '')::uuid
$$;

CREATE TABLE tenants (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    -- Names the tenant in Weaviate as well, so it is never used again, not even after a deletion.
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_of_principal ON tenants USING (quern_visible(id)) WITH CHECK (quern_visible(id));

INSERT INTO tenants (id, slug, name) VALUES ('00000000-0000-7000-8000-000000000001', 'default', 'Default');

CREATE TABLE groups (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, name)
);
ALTER TABLE groups ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_of_principal ON groups USING (quern_visible(tenant_id)) WITH CHECK (quern_visible(tenant_id));

GRANT USAGE ON SCHEMA public TO quern_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON tenants, groups TO quern_service;
