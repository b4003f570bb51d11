#!/usr/bin/env bash
# Prints the nats-server that `make setup` found or installed, for a program that runs elsewhere.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"
nats_server_binary
