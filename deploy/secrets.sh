#!/bin/sh
# Makes what compose.yaml needs and nobody should choose: a random password or token for each role of
# each side, and compose.env, addresses and tokens for a shell. Run again it keeps the secrets that are
# there: remove the file of a token to have a new one made, then start the containers again.
#
#   deploy/secrets.sh [DIR]    DIR, from the root on, is $SECRETS_DIR, or else deploy/secrets
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-${SECRETS_DIR:-$here/secrets}}
case $dir in
/*) ;;
*) echo "$dir does not begin with /, and would be another folder for Compose" >&2; exit 1 ;;
esac
umask 077
mkdir -p "$dir"
# The containers read the files under users of their own, so the files are readable by all and the
# folder, which containers do not pass through, by its owner alone.
chmod 700 "$dir"
# So are those of the repository that containers read, whatever the clone's umask was.
chmod a+r "$here"/nats/*.conf "$here"/postgres/*.sql "$here"/observability/*.yml "$here"/observability/grafana/*
cd "$dir"

for name in *; do
	[ ! -d "$name" ] || { echo "$dir/$name is a folder, which Docker makes where a secret is missing: remove it" >&2; exit 1; }
done

# write NAME: a file with what comes from standard input.
write() {
	cat > "$1.new"
	chmod 444 "$1.new"
	mv -f "$1.new" "$1"
}

# secret NAME: a file of 40 letters and digits, which go into URLs, configurations and headers as they
# are, unless there is one.
secret() {
	[ ! -e "$1" ] || return 0
	text=$(head -c 1024 /dev/urandom | LC_ALL=C tr -dc 'A-Za-z0-9' | cut -c 1-40)
	[ ${#text} -eq 40 ] || { echo "/dev/urandom gives no random numbers" >&2; exit 1; }
	printf %s "$text" | write "$1"
}

for side in a b; do
	for name in postgres-password owner-password database-password nats-service-password nats-bridge-password nats-operator-password \
		client-token peer-token bridge-token admin-token metrics-token bridge-metrics-token; do
		secret $side-$name
	done
	printf 'postgres://orders_owner:%s@postgres-%s:5432/orders?sslmode=disable' "$(cat $side-owner-password)" $side | write $side-owner-url
	printf 'postgres://orders:%s@postgres-%s:5432/orders?sslmode=disable' "$(cat $side-database-password)" $side | write $side-database-url
	printf 'nats://service:%s@nats-%s:4222' "$(cat $side-nats-service-password)" $side | write $side-nats-service-url
	printf 'nats://bridge:%s@nats-%s:4222' "$(cat $side-nats-bridge-password)" $side | write $side-nats-bridge-url
	for role in service bridge operator; do
		printf '%s_PASSWORD: "%s"\n' "$(echo $role | tr a-z A-Z)" "$(cat $side-nats-$role-password)"
	done | write $side-nats-users.conf
done

# Of Grafana's user admin, with --profile observability.
secret grafana-password

# What the shop of compose.shop.yaml signs its notices with. Its key and secret are the shop's to give.
secret b-shop-hints

# Between the three servers of compose.cluster.yaml.
secret a-nats-route-password
{
	printf 'ROUTE_PASSWORD: "%s"\n' "$(cat a-nats-route-password)"
	for n in 1 2 3; do
		printf 'ROUTE_%s: "nats://route:%s@nats-a-%s:6222"\n' $n "$(cat a-nats-route-password)" $n
	done
} | write a-nats-routes.conf

# shell SIDE PORT BROKERPORT: the names are the demo's, so that the same commands work.
shell() {
	prefix=$(echo "$1" | tr a-z A-Z)
	echo "${prefix}_URL='http://127.0.0.1:$2'"
	echo "${prefix}_ADMIN_URL='http://127.0.0.1:$2/admin'"
	echo "${prefix}_NATS_URL='nats://operator:$(cat "$1-nats-operator-password")@127.0.0.1:$3'"
	for role in client peer bridge admin metrics; do
		echo "${prefix}_$(echo $role | tr a-z A-Z)_TOKEN='$(cat "$1-$role-token")'"
	done
}
# port NAME: as Compose takes it, from the shell or else from .env.
port() {
	eval "value=\${$1:-}"
	[ -n "$value" ] || value=$(sed -n "s/^$1=//p" "$here/.env")
	echo "$value"
}

{
	echo "# The composed sides, for a shell:  set -a; . '$(pwd)/compose.env'; set +a"
	shell a "$(port A_PORT)" "$(port A_NATS_PORT)"
	shell b "$(port B_PORT)" "$(port B_NATS_PORT)"
} > compose.env
echo "secrets are in $(pwd)"
