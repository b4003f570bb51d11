# Shared by the scripts in this folder; sourced, never run. They set `root` before.

# Older servers cannot map subjects to shards inside a stream.
nats_version_min=2.10.0

say() {
    printf '  %s\n' "$*"
}

fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# Runs a command with root's rights: as it is when we are root, by sudo otherwise. Under CI there is
# nobody to type a password, so sudo must not ask for one.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        if [ -n "${CI:-}" ]; then sudo -n "$@"; else sudo "$@"; fi
    else
        fail "root's rights are needed for: $* (no sudo found; run this line as root, then again)"
    fi
}

# True when version $1 is at least version $2.
version_at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# The whole gigabytes that are free on the disk of folder $1.
free_gigabytes() {
    df -Pk "$1" | awk 'NR == 2 { print int($4 / 1048576) }'
}

# -- apt -------------------------------------------------------------------------------------------

apt_updated=""

# The package lists are refreshed at most once, and only when something must be installed.
apt_update_once() {
    if [ -z "$apt_updated" ]; then
        say "refreshing the package lists (apt-get update)"
        as_root apt-get update -qq
        apt_updated=yes
    fi
}

apt_install() {
    apt_update_once
    say "installing: $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" \
        >/dev/null </dev/null
}

# -- what is there already -------------------------------------------------------------------------

# The folder with `initdb` and `postgres`; distributions keep them out of PATH.
postgres_folder() {
    local folder
    for folder in \
        "${KONTOR_POSTGRES_BIN:-}" \
        $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) \
        $(ls -d /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin 2>/dev/null | sort -rV); do
        if [ -n "$folder" ] && [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
            echo "$folder"
            return 0
        fi
    done
    if have initdb && have postgres; then
        dirname "$(command -v initdb)"
        return 0
    fi
    return 1
}

# The first nats-server that is new enough, in the order in which the program looks for it.
nats_server_binary() {
    local binary version
    for binary in \
        "${KONTOR_NATS_SERVER:-}" \
        "$root/.kontor/tools/nats-server" \
        "$(command -v nats-server 2>/dev/null || true)"; do
        if [ -n "$binary" ] && [ -x "$binary" ]; then
            version="$("$binary" --version 2>/dev/null | sed -n 's/^nats-server: v//p')"
            if [ -n "$version" ] && version_at_least "$version" "$nats_version_min"; then
                echo "$binary"
                return 0
            fi
        fi
    done
    return 1
}

chromium_binary() {
    local binary
    for binary in "${CHROME_BIN:-}" chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
        "/Applications/Chromium.app/Contents/MacOS/Chromium"; do
        # Ubuntu's chromium-browser is a shell that only asks for a snap; it cannot be run as it is.
        if [ -n "$binary" ] && have "$binary" && "$binary" --version >/dev/null 2>&1; then
            echo "$binary"
            return 0
        fi
    done
    return 1
}
