#!/bin/sh
# make_base.sh WORK DENO CACHE    debian:bookworm-slim and denoland/deno:2.9.6 as local stand-ins, from this machine's own files
# DENO: the deno binary. CACHE: a DENO_DIR that holds what the build needs, for a build without network.
# Needs busybox (package busybox-static: it must be the static one) and a Docker socket.
set -eu
W=$1 DENO=$2 CACHE=$3 R=$1/root L=lib/x86_64-linux-gnu
mkdir -p "$W/ctx"; for d in bin lib64 $L etc/ssl/certs tmp root proc sys dev usr/bin usr/local/bin; do mkdir -p "$R/$d"; done; chmod 1777 "$R/tmp"
{ ldd "$DENO" | grep -oE '/[^ ]+'; for l in nss_dns nss_files resolv; do echo "/$L/lib$l.so.2"; done; } | while read -r f; do cp -L "$f" "$R/$L/"; done
cp -L /lib64/ld-linux-x86-64.so.2 "$R/lib64/"
cp -L "$(command -v busybox)" "$R/bin/busybox"; for a in $("$R/bin/busybox" --list); do [ -e "$R/bin/$a" ] || ln -s busybox "$R/bin/$a"; done
printf 'root:x:0:0:root:/root:/bin/sh\ndeno:x:1993:1993::/tmp:/bin/sh\n' >"$R/etc/passwd"; printf 'root:x:0:\ndeno:x:1993:\n' >"$R/etc/group"
printf 'hosts: files dns\n' >"$R/etc/nsswitch.conf"
P=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
tar -C "$R" --numeric-owner --owner=0 --group=0 -c . | docker import --change 'CMD ["/bin/sh"]' --change "ENV PATH=$P" - debian:bookworm-slim
install -m 755 "$DENO" "$W/ctx/deno"; cp -r "$CACHE" "$W/ctx/deno-dir"
rm -f "$W"/ctx/deno-dir/*_cache_v2* # databases of the machine they were made on
printf '%s\n' 'FROM debian:bookworm-slim' \
  'ENV DENO_DIR=/deno-dir/ DENO_VERSION=2.9.6' \
  'COPY deno /usr/bin/deno' 'COPY deno-dir /deno-dir' 'ENTRYPOINT ["deno"]' >"$W/ctx/Dockerfile"
docker build -q -t denoland/deno:2.9.6 "$W/ctx"
