#!/usr/bin/env bash
# Positions of a thousand vehicles to twenty dashboards over Nightshift, NATS and Mosquitto: same vehicles, same dashboards, same frames,
# same machine, alternating rounds; prints each with its ratio.
#
#   benches/peers/messages/run.sh [ARGUMENTS OF cargo bench]
#
# Needs nats-server and mosquitto, or one of them, in PATH. NATS_PORT, MQTT_PORT: where they listen, on loopback only.
set -euo pipefail
cd "$(dirname "$0")/../../.."
PATH="$PATH:/usr/sbin"
nats_port="${NATS_PORT:-42227}" mqtt_port="${MQTT_PORT:-18837}"
# A thousand vehicles each have a connection.
ulimit -n 4096

dir=$(mktemp -d)
chmod 755 "$dir"
brokers=()
finish() {
  for broker in "${brokers[@]}"; do kill "$broker" 2>/dev/null && wait "$broker" 2>/dev/null; done || true
  rm -rf "$dir"
}
trap finish EXIT

# Waits until the broker listens, and leaves where and as which process it runs.
await() {
  for _ in $(seq 100); do
    (: >"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
    kill -0 "$2" 2>/dev/null || break
    sleep 0.1
  done
  echo "a broker does not listen on port $1:" >&2
  cat "$dir"/*.log >&2
  return 1
}

if command -v nats-server >/dev/null; then
  nats-server --addr 127.0.0.1 --port "$nats_port" >"$dir/nats.log" 2>&1 &
  brokers+=($!)
  await "$nats_port" $!
  export NIGHTSHIFT_BENCH_NATS="127.0.0.1:$nats_port $!"
  nats-server --version
fi
if command -v mosquitto >/dev/null; then
  # No limit on what waits for a dashboard: it would lose positions for speed.
  printf '%s\n' "listener $mqtt_port 127.0.0.1" 'allow_anonymous true' 'persistence false' 'set_tcp_nodelay true' \
    'max_queued_messages 0' 'max_inflight_messages 0' 'log_type error' >"$dir/mosquitto.conf"
  mosquitto --config-file "$dir/mosquitto.conf" >"$dir/mosquitto.log" 2>&1 &
  brokers+=($!)
  await "$mqtt_port" $!
  export NIGHTSHIFT_BENCH_MQTT="127.0.0.1:$mqtt_port $!"
  { mosquitto -h || true; } | sed -n 1p
fi

cargo bench --bench messages "$@"
