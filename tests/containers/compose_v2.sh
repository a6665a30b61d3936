#!/bin/sh
# compose_v2.sh FOLDER    puts Compose v2 (and buildx) into FOLDER/config, to be named by DOCKER_CONFIG
# Debian 12 has docker-compose 1.29 only; Debian 13's packages are fetched from the same mirror with an
# apt configuration of their own and unpacked. Nothing is installed, and they need only libc6 >= 2.34.
set -eu
F=$1
mkdir -p "$F/config/cli-plugins"
[ ! -x "$F/config/cli-plugins/docker-compose" ] || exit 0
W=$(mktemp -d); trap 'rm -rf "$W"' EXIT
mkdir -p "$W/parts" "$W/lists/partial" "$W/cache/archives/partial"
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
[ -n "$mirror" ] || { echo "compose_v2: no Debian mirror is configured" >&2; exit 1; }
key=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$key] $mirror trixie main" >"$W/sources"
apt_here() {
  apt-get -qq -o Dir::Etc::sourcelist="$W/sources" -o Dir::Etc::sourceparts="$W/parts" \
    -o Dir::State::lists="$W/lists" -o Dir::Cache="$W/cache" -o APT::Sandbox::User=root "$@"
}
apt_here update
(cd "$W" && apt_here download docker-compose docker-buildx && for p in *.deb; do dpkg -x "$p" root; done)
for plugin in docker-buildx docker-compose; do
  mv "$W/root/usr/libexec/docker/cli-plugins/$plugin" "$F/config/cli-plugins/$plugin.new"
  mv "$F/config/cli-plugins/$plugin.new" "$F/config/cli-plugins/$plugin"
done
