#!/bin/sh
# with_docker.sh CMD...   run CMD with a Docker daemon of its own (private folders, socket, network namespace)
# exit 77 + one loud line where that is not possible here.
set -eu
skip() { echo "SKIP with_docker: $*" >&2; [ "${OFFSHORE_DOCKER:-auto}" = require ] && exit 1; exit 77; }
[ "$(uname -s)" = Linux ] || skip "not Linux"
[ "$(id -u)" = 0 ] || skip "not root (uid $(id -u))"
for t in dockerd containerd runc docker docker-compose iptables ip unshare nsenter pgrep; do command -v $t >/dev/null || skip "no $t (apt-get install docker.io docker-compose iptables iproute2 procps)"; done
unshare -m -n true 2>/dev/null || skip "no right to make namespaces (CAP_SYS_ADMIN)"
D=$(mktemp -d "${TMPDIR:-/tmp}/offshore-docker.XXXXXX"); PID= CMD=
H=unix://$D/docker.sock
kin() { for p in "$@"; do kin $(pgrep -P "$p" || :); echo "$p"; done; }
cleanup() {
  s=${1:-$?}; trap - EXIT INT TERM
  [ -z "$CMD" ] || for p in $(kin "$CMD"); do kill -TERM "$p" 2>/dev/null || :; done
  if [ -n "$PID" ] && kill -0 "$PID" 2>/dev/null; then
    c=$(DOCKER_HOST=$H docker ps -aq 2>/dev/null || :); [ -z "$c" ] || DOCKER_HOST=$H docker rm -f $c >/dev/null 2>&1 || :
    all=$(kin "$PID"); kill -TERM "$PID" 2>/dev/null || :
    i=0; while kill -0 "$PID" 2>/dev/null && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done
    for p in $all; do kill -0 "$p" 2>/dev/null && kill -KILL "$p" 2>/dev/null || :; done
  fi
  [ -n "${OFFSHORE_KEEP_LOG:-}" ] && cp "$D/dockerd.log" "$OFFSHORE_KEEP_LOG" 2>/dev/null || :
  grep -o "$D[^ ]*" /proc/mounts | sort -r | while read -r m; do umount -l "$m" 2>/dev/null || :; done
  rm -rf "$D" 2>/dev/null || :
  exit $s
}
trap cleanup EXIT; trap 'cleanup 130' INT; trap 'cleanup 143' TERM
mkdir -p "$D/root" "$D/exec"
# its own network namespace: no clash with another daemon's iptables chains, docker0 or 11.56.1.0/24 - and no internet
unshare -m -n --propagation private sh -c 'ip link set lo up; exec dockerd "$@"' sh \
  -H "$H" --data-root "$D/root" --exec-root "$D/exec" --pidfile "$D/docker.pid" >"$D/dockerd.log" 2>&1 &
PID=$!
T0=$(date +%s%N); i=0; until DOCKER_HOST=$H docker info >/dev/null 2>&1; do
  kill -0 $PID 2>/dev/null || { tail -3 "$D/dockerd.log" | cut -c1-300 >&2; skip "dockerd ended at once"; }
  i=$((i+1)); [ $i -lt 300 ] || skip "dockerd not ready after 30 s"; sleep 0.1
done
echo "with_docker: ready after $(( ($(date +%s%N)-T0)/1000000 )) ms, $(DOCKER_HOST=$H docker info -f '{{.Driver}} {{.ServerVersion}}' 2>/dev/null)" >&2
# the command runs in the daemon's network namespace (that is where 11.56.1.0/24 is)
exec 3<&0; DOCKER_HOST=$H nsenter -t $PID -n "$@" <&3 3<&- & CMD=$!   # in the background, so that a TERM is acted on at once
wait $CMD
