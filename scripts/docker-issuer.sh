#!/bin/sh
# Makes the key by which the NATS server of `docker compose` believes what Kontor says about
# integrators, once: its seed for Kontor's services ($1), its public half for the server ($2).
set -eu

keys=$1
issuer=$2
if [ -s "$keys/nats-issuer.seed" ] && [ -s "$issuer/auth_callout.conf" ]; then
    exit 0
fi
# One line of JSON: {"issuer":"A…","seed":"SA…"}.
made=$(kontor integrator issuer --json)
public=$(printf '%s' "$made" | sed -n 's/.*"issuer":"\(A[A-Z0-9]*\)".*/\1/p')
seed=$(printf '%s' "$made" | sed -n 's/.*"seed":"\(SA[A-Z0-9]*\)".*/\1/p')
if [ -z "$public" ] || [ -z "$seed" ]; then
    echo "docker-issuer: \`kontor integrator issuer\` printed no key" >&2
    exit 1
fi
umask 022
printf '%s\n' "$seed" > "$keys/nats-issuer.new"
printf 'auth_callout {\n    issuer: %s\n    auth_users: [kontor, system]\n}\n' "$public" \
    > "$issuer/auth_callout.new"
mv "$keys/nats-issuer.new" "$keys/nats-issuer.seed"
mv "$issuer/auth_callout.new" "$issuer/auth_callout.conf"
