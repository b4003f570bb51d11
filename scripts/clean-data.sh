#!/usr/bin/env bash
# Deletes what `kontor up` keeps under its data folder; the installed tools stay.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
folder="${KONTOR_DATA_DIR:-$root/.kontor}"

if [ ! -d "$folder" ]; then
    echo "There is no data in $folder."
    exit 0
fi
if holder="$(cat "$folder/lock" 2>/dev/null)" && [ -n "$holder" ] && kill -0 "$holder" 2>/dev/null; then
    echo "Kontor (process $holder) runs with this data; stop it first." >&2
    exit 1
fi
# A build server or a script sets YES=1; a person is asked.
if [ -z "${YES:-}" ]; then
    read -r -p "Delete all events, read models and queues in $folder? Type yes: " answer
    [ "$answer" = "yes" ] || {
        echo "Nothing was deleted."
        exit 1
    }
fi
# The data of a server that runs as another user can lie elsewhere, behind a symbolic link.
find "$folder" -mindepth 1 -maxdepth 1 -type l | while IFS= read -r link; do
    rm -rf "$(readlink -f "$link")"
done
find "$folder" -mindepth 1 -maxdepth 1 -not -name tools -exec rm -rf {} +
echo "Deleted. The next start begins with an empty log."
