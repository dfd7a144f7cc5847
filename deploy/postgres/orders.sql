-- Run once, by the image, when the database folder is new: the service's own role and database. The
-- role owns the database and nothing else; the superuser's password is not the service's.
\set password `cat /run/secrets/database-password`
create role orders login password :'password';
create database orders owner orders;
revoke connect on database orders, postgres from public;
