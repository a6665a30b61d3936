/**
 * Which program the fault tests run: `dist/offshore` where it was built after the last change of a
 * source file, else the sources themselves. A stale build would prove nothing about this checkout.
 */
import { mainModule } from "../cluster/cluster.ts";

const root = new URL("../../", import.meta.url).pathname;

async function newestMs(path: string): Promise<number> {
  const info = await Deno.stat(path);
  if (!info.isDirectory) return info.mtime?.getTime() ?? 0;
  let newest = 0;
  for await (const { name } of Deno.readDir(path)) {
    newest = Math.max(newest, await newestMs(`${path}/${name}`));
  }
  return newest;
}

/** What to type before the program's own words. */
export async function programWords(): Promise<string[]> {
  const built = `${root}dist/offshore`;
  const builtMs = await newestMs(built).catch(() => 0);
  const sources = ["main.ts", "deno.json", "deno.lock", "protocol", "roles"];
  const changedMs = Math.max(...await Promise.all(sources.map((path) => newestMs(root + path))));
  return builtMs > changedMs ? [built] : [Deno.execPath(), "run", "-A", "--quiet", mainModule];
}
