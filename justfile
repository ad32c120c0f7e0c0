# `just` lists these; CONTRIBUTING.md says when to use which. The checks live in `.ci/run`, so that
# they are the same here and there, and need no `just`.

[private]
default:
    @just --list --unsorted

# Format the code
fmt:
    cargo fmt --all

# Check format and lints
lint:
    .ci/run format clippy

# Run every test, on SQLite and, where it is installed, on PostgreSQL
test *args:
    cargo test --workspace {{ args }}

# Measure a release server on both engines
bench *args:
    cargo bench -p recto --bench http -- {{ args }}

# Attack a release server on both engines, with all scenarios or the named ones
attack *args:
    cargo bench -p recto --bench attack -- {{ args }}

# Kill servers at random moments while clients write, on both engines
crash rounds="1000":
    RECTO_CRASH_ROUNDS={{ rounds }} cargo test -p recto --test it crash:: -- --nocapture

# Let clients race to change the same books while servers are killed, on both engines
races updates="100000":
    RECTO_RACING_UPDATES={{ updates }} cargo test -p recto --test it retries:: -- --nocapture

# Fail the power at random points of a recorded server, on SQLite
power-loss losses="2000":
    RECTO_POWER_LOSSES={{ losses }} cargo test -p recto --test it power_loss:: -- --nocapture

# Take the screenshots of the documents, in docs/images (needs Chromium)
screenshots:
    RECTO_REQUIRE_CHROMIUM=1 RECTO_BROWSER_PICTURES="$PWD/docs/images" cargo test -p recto --test it screenshots::

# Print the OpenAPI description
openapi:
    @cargo run --quiet --package recto -- openapi

# Run programs with clients generated from the description (needs npm and Python)
clients:
    clients/check

# List changes of the description since the last release, or another revision, that break clients
breaking-changes *revision:
    clients/breaking-changes/check {{ revision }}

# Test the server against its description, on both engines, as a user and as an administrator
schemathesis *args:
    for role in user admin; do \
        clients/schemathesis/run sqlite "$role" {{ args }} && \
        clients/schemathesis/run postgres "$role" {{ args }} || exit; \
    done

# Check licences, bans and sources of the dependencies
deny:
    .ci/run deny

# Build the documentation of all crates
doc:
    .ci/run doc

# Build the book in target/book (needs mdbook)
book:
    mdbook build docs

# Everything that must hold before a change lands
ci:
    .ci/run
