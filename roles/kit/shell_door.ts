/**
 * What the runtime does not do in the executable, done by the system's shell: reading where only a
 * program with every right may (/proc, /sys, most of /dev), and telling the names in a directory by
 * their bytes. The packed executable is a shell script and may start itself and nothing else, so
 * its head does these few things when it is asked by `OFFSHORE_DOOR` (`.ci/pack.ts`); elsewhere the
 * same lines are given to `sh`. Nobody's word is made a part of a command: a path is an argument.
 */
import type { DiskEntryKind } from "./disk.ts";

/**
 * Of what is behind door `$1` for path `$2`. These lines are the head's too: they hold no single
 * quote and nothing that a shell script would read otherwise.
 */
export const doorScript = `case $1 in
kind) if [ -L "$2" ]; then echo link; elif [ -f "$2" ]; then echo file; elif [ -d "$2" ]; then
echo directory; elif [ -e "$2" ]; then echo other; fi;;
read) exec cat -- "$2";;
names) cd -- "$2" && for n in * .*; do printf "%s\\\\0" "$n"; done;;
esac`;

function command(door: "kind" | "read" | "names", path: string): Deno.Command {
  const packed = Deno.env.get("OFFSHORE_EXECUTABLE");
  const streams = { stdin: "null", stdout: "piped", stderr: "null" } as const;
  if (packed === undefined) {
    return new Deno.Command("/bin/sh", { args: ["-c", doorScript, "sh", door, path], ...streams });
  }
  return new Deno.Command(packed, { args: [door, path], env: { OFFSHORE_DOOR: "1" }, ...streams });
}

/** Undefined when there is nothing, or no shell. Of a link, what the link is. */
export async function kindThroughShell(path: string): Promise<DiskEntryKind | undefined> {
  const kinds: readonly DiskEntryKind[] = ["file", "directory", "link", "other"];
  const { stdout } = await command("kind", path).output();
  const text = new TextDecoder().decode(stdout).trim();
  return kinds.find((kind) => kind === text);
}

/** The bytes of the file to its end, whatever its size says. */
export function readThroughShell(path: string): ReadableStream<Uint8Array<ArrayBuffer>> {
  return command("read", path).spawn().stdout;
}

/** Every name in the directory, as bytes. Some that are none may be among them. */
export async function namesThroughShell(path: string): Promise<Uint8Array[]> {
  const { success, stdout } = await command("names", path).output();
  if (!success) return [];
  const names: Uint8Array[] = [];
  for (let from = 0; from < stdout.length;) {
    const end = stdout.indexOf(0, from);
    if (end < 0) break;
    names.push(stdout.subarray(from, end));
    from = end + 1;
  }
  return names;
}
