#!/bin/sh
# netlab.sh lab            process 1 of a lab: makes its bridge, says "ready", and lives until its
#                          standard input ends; everything in the lab ends with it
# netlab.sh host NAME IP   run inside the lab: a network namespace on the bridge, as a host
# lab.ts starts both inside mount, network and pid namespaces of their own, so that nothing is left
# behind and nothing clashes with what the machine has.
set -eu
case $1 in
lab)
  # Names of network namespaces and the lock of iptables live under /run: the machine's is not ours.
  mount -t tmpfs -o size=1m none /run
  mkdir -p /run/netns
  ip link set lo up
  ip link add br0 type bridge
  ip addr add 11.56.1.1/24 dev br0
  ip link set br0 up
  echo ready
  cat >/dev/null
  ;;
host)
  ip netns add "$2"
  ip link add "v-$2" type veth peer name eth0 netns "$2"
  ip link set "v-$2" master br0 up
  ip -n "$2" link set lo up
  ip -n "$2" link set eth0 up
  ip -n "$2" addr add "$3/24" dev eth0
  ;;
esac
