-- Run by the image when the database folder is new: the roles of a side and its database. orders_owner owns the
-- database and its tables, and migrates; orders is the service's, and gets what it needs from `orderbridge migrate
-- --app orders`; orders_reader reads, for reports, once you let it log in. None is a superuser.
--
-- It may be run again, and splits the one role of an installation of before, which owned all:
--   docker-compose -f deploy/compose.yaml exec postgres-a psql -U postgres -f /docker-entrypoint-initdb.d/orders.sql
\set ON_ERROR_STOP on
\set owner_password `cat /run/secrets/owner-password`
\set password `cat /run/secrets/database-password`
select format('create role %I', r) from unnest(array['orders_owner', 'orders', 'orders_reader']) r
where not exists (select from pg_roles where rolname = r) \gexec
alter role orders_owner login password :'owner_password';
alter role orders login password :'password';
select 'create database orders owner orders_owner' where not exists (select from pg_database where datname = 'orders') \gexec
alter database orders owner to orders_owner;
revoke connect on database orders, postgres from public;
\connect orders
reassign owned by orders to orders_owner;
