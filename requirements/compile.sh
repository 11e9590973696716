#!/usr/bin/env bash
# Resolves every lock again. Versions and hashes only: no registry host may appear in them.
#   runtime.txt  what the services, the client and the CLI need (the Dockerfile installs it)
#   dev.txt      all of that, plus the native stack and the tools of `make check` and `make test`
#   bench.txt    on top of it: the peers that `make bench` compares with, and what they need
#   build.txt    build back ends: pynsq has no wheel, and the workspace members build with hatchling
set -euo pipefail
cd "$(dirname "$0")/.."
members=(quern quern-shared quern-gateway quern-ingest-worker quern-result-consumer quern-janitor quern-native)
flags=(--universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet)
for member in "${members[@]}"; do flags+=(--no-emit-package "$member"); done
services=(shared/pyproject.toml services/*/pyproject.toml clients/python/pyproject.toml)
compile() { uv pip compile "${flags[@]}" "$@"; }
compile "${services[@]}" deploy/native/pyproject.toml --group pyproject.toml:dev -o requirements/dev.txt ${UPGRADE:+--upgrade}
compile "${services[@]}" -c requirements/dev.txt -o requirements/runtime.txt
compile --group pyproject.toml:bench -c requirements/dev.txt -o requirements/bench.txt ${UPGRADE:+--upgrade}
compile requirements/build.in -c requirements/dev.txt -o requirements/build.txt
compile requirements/bootstrap.in -o requirements/bootstrap.txt
