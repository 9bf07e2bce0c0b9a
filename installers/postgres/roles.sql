-- Roles, database and schemas of the profile "cluster". Run once as a superuser, before `tornadod migrate schema`:
--
--     psql --file roles.sql postgres
--
-- Then set a password for each role (`\password tornado_auth`, …), or use `peer` authentication by Unix users.
-- It can be run again; existing objects are not changed.

\set ON_ERROR_STOP on

-- Owns the tables and changes them; used by `tornadod migrate schema` only.
SELECT 'CREATE ROLE tornado_owner LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tornado_owner') \gexec
-- One role for each service: it works with its own rows and cannot create, alter or drop a table.
SELECT 'CREATE ROLE tornado_auth LOGIN CONNECTION LIMIT 40'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tornado_auth') \gexec
SELECT 'CREATE ROLE tornado_session LOGIN CONNECTION LIMIT 40'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tornado_session') \gexec

-- Text is ordered by its bytes, as in the embedded database.
SELECT 'CREATE DATABASE tornado OWNER tornado_owner ENCODING ''UTF8'' LC_COLLATE ''C'' LC_CTYPE ''C'' TEMPLATE template0'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'tornado') \gexec

REVOKE ALL ON DATABASE tornado FROM PUBLIC;
GRANT CONNECT ON DATABASE tornado TO tornado_auth, tornado_session;

\connect tornado
REVOKE ALL ON SCHEMA public FROM PUBLIC;

CREATE SCHEMA IF NOT EXISTS identity AUTHORIZATION tornado_owner;
CREATE SCHEMA IF NOT EXISTS session AUTHORIZATION tornado_owner;
GRANT USAGE ON SCHEMA identity TO tornado_auth;
GRANT USAGE ON SCHEMA session TO tornado_session;

-- Rights on tables that the owner creates later.
ALTER DEFAULT PRIVILEGES FOR ROLE tornado_owner IN SCHEMA identity
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tornado_auth;
ALTER DEFAULT PRIVILEGES FOR ROLE tornado_owner IN SCHEMA session
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tornado_session;
