# shellcheck shell=bash
# Sourced by the scripts that test something with tools which may not be at hand.

# Says that something cannot be tested here, which is a failure if RECTO_REQUIRE_CLIENTS=1.
skip() {
    if [[ ${RECTO_REQUIRE_CLIENTS:-0} == 1 ]]; then
        echo "$1, and RECTO_REQUIRE_CLIENTS is set" >&2
        exit 1
    fi
    echo "skipped: $1"
}
