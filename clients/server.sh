# shellcheck shell=bash
# Functions for scripts that need a server of their own. Sourced, not run. Everything that they start
# ends with the script, and its files are removed.

# The program, which is built here unless RECTO is the file of one.
if [[ -n ${RECTO:-} ]]; then
    recto=("$(realpath "$RECTO")")
else
    recto=(
        cargo run --quiet --package recto
        --manifest-path "$(realpath "$(dirname "${BASH_SOURCE[0]}")/../Cargo.toml")" --
    )
fi
server_directory=$(mktemp -d)
server_process=
postgres_programs=
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

stop_all() {
    if [[ -n $server_process ]]; then
        kill "$server_process" 2>/dev/null || true
        wait "$server_process" 2>/dev/null || true
    fi
    if [[ -n $postgres_programs ]]; then
        run_as_postgres pg_ctl stop -m immediate -D "$server_directory/postgres/data" >/dev/null || true
    fi
    rm -rf "$server_directory"
}

# Starts `recto serve` with these options on a free port, without settings of a file. Sets
# `server_url`; what the server prints is in $server_directory/output.
start_server() {
    "${recto[@]}" serve --config /dev/null --listen 127.0.0.1:0 --mail-dir "$server_directory/mail" \
        --log error "$@" \
        >"$server_directory/output" &
    server_process=$!
    until grep -q '^listening on ' "$server_directory/output"; do
        if ! kill -0 "$server_process" 2>/dev/null; then
            echo "the server did not start" >&2
            return 1
        fi
        sleep 0.2
    done
    server_url=$(sed -n 's/^listening on //p' "$server_directory/output")
}

# Sets RECTO_EMAIL and RECTO_PASSWORD to those of the account with this role of a server with `--demo`,
# which prints: account ADDRESS (ROLE), password PASSWORD
read_demo_account() {
    read -r RECTO_EMAIL RECTO_PASSWORD < <(
        sed -n "s/^account \(.*\) ($1), password \(.*\)$/\1 \2/p" "$server_directory/output"
    )
}

# Starts PostgreSQL with an empty database, reached by a socket only. Sets `postgres_url`.
start_postgres() {
    local directory=$server_directory/postgres found
    found=$(command -v initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -1) || true
    if [[ -z $found ]]; then
        echo "PostgreSQL is not installed (initdb not found)" >&2
        return 1
    fi
    postgres_programs=$(dirname "$(realpath "$found")")
    mkdir "$directory"
    if [[ $(id -u) -eq 0 ]]; then
        chmod a+x "$server_directory"
        chown postgres "$directory"
    fi
    run_as_postgres initdb --no-sync --auth=trust --username=postgres --encoding=UTF8 --locale=C \
        --pgdata="$directory/data" >/dev/null
    run_as_postgres pg_ctl start -w -D "$directory/data" -l "$directory/log" \
        -o "-F -c listen_addresses= -c unix_socket_directories=$directory" >/dev/null
    postgres_url="postgres://postgres@/postgres?host=$directory"
}

# PostgreSQL refuses to run as root.
run_as_postgres() {
    local program=$postgres_programs/$1
    shift
    if [[ $(id -u) -eq 0 ]]; then
        (cd "$server_directory/postgres" && runuser -u postgres -- "$program" "$@")
    else
        "$program" "$@"
    fi
}
