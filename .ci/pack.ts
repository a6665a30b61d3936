/**
 * The packer: a `#!/bin/sh` head, then the deno binary, then the bundled program, both gzipped. On
 * first start the head unpacks into a cache folder, under names that carry their SHA-256 and by
 * rename, so that any number of first starts at once are fine; then it `exec`s, so that signals,
 * exit code, terminal and process id are the program's own. The host needs sh, head, tail, gzip and
 * tar, and od and tr where arguments are not plain ASCII. The head also does for the program what
 * the runtime does not (`shell_door.ts`).
 */
import { doorScript } from "../roles/kit/shell_door.ts";
import type { Target } from "./build.ts";

const encoder = new TextEncoder();
type Bytes = Uint8Array<ArrayBuffer>;

async function gzip(bytes: Bytes): Promise<Bytes> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function sha256(bytes: Bytes): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

async function run(program: string, args: string[], cwd: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, cwd, stdin: "null" })
    .output();
  if (!success) throw new Error(`${program} ${args[0]}: ${new TextDecoder().decode(stderr)}`);
}

/** The program as a tar of JavaScript files, split so that a role loads only what it needs. */
export async function bundle(root: string): Promise<Bytes> {
  const out = `${root}dist/bundle`;
  await Deno.remove(out, { recursive: true }).catch(() => {});
  const args = ["bundle", "--quiet", "--minify", "--platform", "deno", "--code-splitting"];
  await run(Deno.execPath(), [...args, "--outdir", out, "main.ts"], root);
  // Sorted and without times, so that the same sources give the same file; no flag that busybox lacks.
  const names = (await Array.fromAsync(Deno.readDir(out))).map((entry) => entry.name).sort();
  for (const name of names) await Deno.utime(`${out}/${name}`, 0, 0);
  await run("tar", ["-cf", `${out}.tar`, "-C", out, ...names], root);
  return await Deno.readFile(`${out}.tar`);
}

const npmPackages: Partial<Record<Target, string>> = {
  "x86_64-unknown-linux-gnu": "@deno/linux-x64-glibc",
  "aarch64-unknown-linux-gnu": "@deno/linux-arm64-glibc",
  "x86_64-apple-darwin": "@deno/darwin-x64",
  "aarch64-apple-darwin": "@deno/darwin-arm64",
};

/** The deno binary for a platform: this one, or out of the npm package that carries it. */
async function denoFor(target: Target | undefined): Promise<Bytes> {
  if (target === undefined || target === Deno.build.target) {
    return await Deno.readFile(Deno.execPath());
  }
  const name = npmPackages[target];
  if (name === undefined) throw new Error(`the packer makes no file for ${target}`);
  const folder = await Deno.makeTempDir();
  try {
    await run("npm", ["pack", "--loglevel=error", `${name}@${Deno.version.deno}`], folder);
    for await (const entry of Deno.readDir(folder)) {
      await run("tar", ["-xzf", entry.name, "package/deno"], folder);
    }
    return await Deno.readFile(`${folder}/package/deno`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes the executable. Throws when there is no deno binary for the platform. */
export async function packInto(
  out: string,
  program: Bytes,
  target: Target | undefined,
  permissions: readonly string[],
): Promise<void> {
  const deno = await denoFor(target);
  const [packedDeno, packedProgram] = [await gzip(deno), await gzip(program)];
  const names = {
    deno: (await sha256(deno)).slice(0, 32),
    program: (await sha256(program)).slice(0, 32),
  };
  const head = (offset: number) =>
    encoder.encode(headText({
      offset,
      names,
      denoBytes: deno.length,
      packedDenoBytes: packedDeno.length,
      packedProgramBytes: packedProgram.length,
      permissions,
    }));
  // The offset is padded to a fixed width, so the length of the head does not depend on it.
  const text = head(head(0).length);
  const file = await Deno.open(`${out}.new`, { create: true, truncate: true, write: true });
  for (const part of [text, packedDeno, packedProgram]) {
    for (let at = 0; at < part.length;) at += await file.write(part.subarray(at));
  }
  file.close();
  await Deno.chmod(`${out}.new`, 0o755);
  await Deno.rename(`${out}.new`, out);
}

function headText(parts: {
  offset: number;
  names: { deno: string; program: string };
  denoBytes: number;
  packedDenoBytes: number;
  packedProgramBytes: number;
  permissions: readonly string[];
}): string {
  return `#!/bin/sh
# OFFSHORE: this head, then deno ${Deno.version.deno}, then the program (a tar), both gzipped.
if [ -n "\${OFFSHORE_DOOR:-}" ]; then
unset OFFSHORE_DOOR
${doorScript}
exit
fi
C=\${OFFSHORE_CACHE:-}
bad() { echo "offshore: $1 $C" >&2; echo "  next: set OFFSHORE_CACHE to a folder of yours" >&2; exit 70; }
if [ -z "$C" ]; then
  if [ -n "\${XDG_CACHE_HOME:-}" ]; then C=$XDG_CACHE_HOME/offshore
  elif [ -n "\${HOME:-}" ] && [ -w "$HOME" ]; then C=$HOME/.cache/offshore
  else C=\${TMPDIR:-/tmp}/offshore-$(id -u); fi
  # Looked at on every start: the name can be foreseen, so someone else may have made it.
  (umask 077; mkdir -p "$C" 2>/dev/null); [ -O "$C" ] && [ ! -L "$C" ] || bad "cannot trust"
fi
B=$C/offshore-${parts.names.deno} P=$C/program-${parts.names.program}
if ! [ -x "$B" ] || ! [ -d "$P" ]; then
  mkdir -p "$C" 2>/dev/null && [ -w "$C" ] || bad "cannot write to"
  T=$C/.tmp.$$; trap 'rm -rf "$T"' EXIT; mkdir "$T" || bad "cannot write to"
  if ! [ -x "$B" ]; then
    head -c $((${
    String(parts.offset).padEnd(8)
  }+ ${parts.packedDenoBytes})) "$0" | tail -c ${parts.packedDenoBytes} | gzip -dc >"$T/deno" &&
    [ "$(wc -c <"$T/deno")" -eq ${parts.denoBytes} ] && chmod 755 "$T/deno" && mv -f "$T/deno" "$B" || bad "cannot unpack to"
  fi
  mkdir "$T/p" && tail -c ${parts.packedProgramBytes} "$0" | gzip -dc | tar -xf - -C "$T/p" || bad "cannot unpack to"
  # Another first start may have been quicker: its folder holds the same.
  mv "$T/p" "$P" 2>/dev/null; rm -rf "$P/p"; [ -f "$P/main.js" ] || bad "cannot unpack to"
  rm -rf "$T"; trap - EXIT
fi
case $0 in /*) S=$0;; *) S=$PWD/$0;; esac
# The runtime loses what is no UTF-8: arguments that are not plain are told by their bytes.
unset OFFSHORE_ARGUMENTS
A=$(LC_ALL=C; case "$*" in *[!\\ -~]*) printf '%s\\0' "$@" | od -An -v -tx1 | tr -d ' \\n';; esac)
if [ -n "$A" ] && [ \${#A} -lt 120000 ]; then export OFFSHORE_ARGUMENTS="$A"; fi
export DENO_NO_UPDATE_CHECK=1 DENO_DIR="$C/dir" OFFSHORE_EXECUTABLE="$S"
exec "$B" run --quiet --no-config --no-lock --no-remote --no-npm --no-prompt ${
    parts.permissions.join(" ")
  } --allow-run="$S" "$P/main.js" "$@"
exit 70
`;
}
