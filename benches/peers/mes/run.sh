#!/usr/bin/env bash
# The line at work on Nightshift and on the stack that the requirement prescribes (FastAPI, SQLAlchemy async, asyncpg, PostgreSQL,
# gunicorn with uvicorn workers), same load, same machine, alternating rounds; prints both with their ratios.
#
#   benches/peers/mes/run.sh [ARGUMENTS OF cargo bench]
#
# Needs python3 with venv, and PostgreSQL's server binaries. MES_WORKERS: processes of the peer (two for each processor).
set -euo pipefail
cd "$(dirname "$0")/../../.."
here=benches/peers/mes
venv="${XDG_CACHE_HOME:-$HOME/.cache}/nightshift-peer-mes"
port="${MES_PORT:-8077}" pgport="${MES_PGPORT:-54377}"
workers="${MES_WORKERS:-$(($(nproc) * 2))}"

if ! cmp -s $here/requirements.txt "$venv/installed.txt"; then
  python3 -m venv --clear "$venv"
  "$venv/bin/python" -m pip --disable-pip-version-check install --quiet --requirement $here/requirements.txt
  cp $here/requirements.txt "$venv/installed.txt"
fi

# One cluster for both, with durable writes.
initdb=$(command -v initdb || ls -d /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
bin=$(dirname "$(readlink -f "$initdb")")
data=$(mktemp -d)
as=(); if [ "$(id -u)" = 0 ]; then chown postgres "$data"; as=(setpriv --reuid=postgres --regid=postgres --clear-groups); fi
cd "$data"
"${as[@]}" "$bin/initdb" -D "$data/db" -U postgres -A trust -E UTF8 --locale=C >/dev/null
"${as[@]}" "$bin/pg_ctl" -D "$data/db" -w -l "$data/log" \
  -o "-c listen_addresses=127.0.0.1 -p $pgport -k $data -c max_connections=200" start >/dev/null
cd - >/dev/null
peer=
finish() {
  [ -z "$peer" ] || { kill "$peer" 2>/dev/null && wait "$peer" 2>/dev/null; } || true
  (cd "$data" && "${as[@]}" "$bin/pg_ctl" -D "$data/db" -m immediate stop >/dev/null) || true
  rm -rf "$data"
}
trap finish EXIT
(cd "$data" && "${as[@]}" "$bin/createdb" -h 127.0.0.1 -p "$pgport" -U postgres mes)

# All workers' connections together stay below the server's.
pool=$((90 / workers)); [ "$pool" -le 50 ] || pool=50; [ "$pool" -ge 2 ] || pool=2
MES_DATABASE_URL="postgresql+asyncpg://postgres@127.0.0.1:$pgport/mes" MES_POOL="$pool" MES_OVERFLOW=0 \
  "$venv/bin/gunicorn" --chdir $here --workers "$workers" --worker-class uvicorn_worker.UvicornWorker \
  --bind "127.0.0.1:$port" --log-level warning --access-logfile /dev/null app:app &
peer=$!
for _ in $(seq 300); do
  curl --silent --fail --noproxy '*' "http://127.0.0.1:$port/api/v1/health/readiness" >/dev/null && break
  sleep 0.1
done
echo "peer: $workers workers, $pool connections each"

NIGHTSHIFT_BENCH_PEER="127.0.0.1:$port" TEST_DATABASE_URL="postgres://postgres@127.0.0.1:$pgport/postgres" \
  cargo bench --bench peer "$@"
