#!/bin/bash
# What compose.yaml uses of the official image's entry point: a new folder is prepared with the
# password of a file, the scripts of /docker-entrypoint-initdb.d are run against a server that listens
# on its socket alone, and the server runs as postgres.
set -euo pipefail
if [ "$(id -u)" = 0 ]; then
	mkdir -p "$PGDATA"
	chmod 700 "$PGDATA"
	chown -R postgres "$PGDATA" /var/run/postgresql
	exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	: "${POSTGRES_PASSWORD_FILE:?is not set}"
	user=${POSTGRES_USER:-postgres}
	initdb --username="$user" --pwfile="$POSTGRES_PASSWORD_FILE" ${POSTGRES_INITDB_ARGS:-}
	echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
	echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
	pg_ctl -o "-c listen_addresses=" -w start
	for script in /docker-entrypoint-initdb.d/*.sql; do
		[ -e "$script" ] || continue
		psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$user" --dbname postgres -f "$script"
	done
	pg_ctl -m fast -w stop
fi
exec "$@"
