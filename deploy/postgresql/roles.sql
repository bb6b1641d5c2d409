-- Once, as a superuser, connected to the database of the register: the role that owns and migrates, and the service's own.
-- Give both a password afterwards: ALTER ROLE cadastre_owner PASSWORD '...'; ALTER ROLE cadastre PASSWORD '...';

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cadastre_owner') THEN
        CREATE ROLE cadastre_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cadastre') THEN
        CREATE ROLE cadastre LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
    END IF;
END
$$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM cadastre;
GRANT CREATE, USAGE ON SCHEMA public TO cadastre_owner;
GRANT USAGE ON SCHEMA public TO cadastre;
