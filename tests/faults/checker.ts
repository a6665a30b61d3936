/**
 * The checker: what a journal says against what the cluster gives back, byte for byte. `judge`
 * compares and is pure but for reading the files it is handed; the rest fetches them.
 */
import { systemClock } from "../../roles/kit/clock.ts";
import { silentLog } from "../../roles/kit/log.ts";
import { systemRandom } from "../../roles/kit/random.ts";
import { systemDisk } from "../../roles/kit/system_disk.ts";
import { openDiskStore } from "../../roles/seeder/mod.ts";
import { chunkIdsOf, type Content, isContent, told } from "./content.ts";
import { readJournal } from "./journal.ts";
import { type Ledger, ledgerOf, type There } from "./ledger.ts";
import type { LabCluster } from "./lab_cluster.ts";

export interface Verdict {
  readonly files: number;
  readonly bytes: number;
  readonly doubts: number;
  readonly lost: string[];
  readonly wrong: string[];
  readonly halfVisible: string[];
}

/** `found`: every file there is, and whether it is a given content. */
export function judge(
  ledger: Ledger,
  found: ReadonlyMap<string, (content: Content) => boolean>,
): Verdict {
  const lost: string[] = [], wrong: string[] = [], halfVisible: string[] = [];
  const doubts = ledger.doubts();
  const doubted = new Set(doubts.flatMap((doubt) => [...doubt.after.keys()]));
  const is = (path: string, content: There): boolean => {
    const matches = found.get(path);
    return content === undefined ? matches === undefined : matches?.(content) ?? false;
  };
  let files = 0, bytes = 0;
  for (const [path, content] of ledger.files) {
    if (doubted.has(path)) continue;
    files++;
    bytes += content.sizeBytes;
    if (!found.has(path)) lost.push(`${path}: ${told(content)} is not there`);
    else if (!is(path, content)) wrong.push(`${path}: is not ${told(content)}`);
  }
  for (const { before, after } of doubts) {
    const holds = (state: ReadonlyMap<string, There>) =>
      [...state].every(([path, content]) => is(path, content));
    if (holds(before) || holds(after)) continue;
    const paths = [...after].map(([path, to]) =>
      `${path} (${told(before.get(path))} to ${told(to)}, ${found.has(path) ? "there" : "absent"})`
    );
    halfVisible.push(paths.join(" and "));
  }
  for (const path of found.keys()) {
    if (!ledger.files.has(path) && !doubted.has(path)) {
      halfVisible.push(`${path}: is there, and nobody was told that it is`);
    }
  }
  return { files, bytes, doubts: doubts.length, lost, wrong, halfVisible };
}

async function filesUnder(directory: string, prefix: string) {
  const found = new Map<string, (content: Content) => boolean>();
  const walk = async (below: string) => {
    for await (const { name, isDirectory } of Deno.readDir(directory + below)) {
      const path = `${below}/${name}`;
      if (isDirectory) await walk(path);
      else {
        found.set(
          prefix + path,
          (content) => isContent(Deno.readFileSync(directory + path), content),
        );
      }
    }
  };
  await walk("");
  return found;
}

/** Downloads all of /load and compares. Nothing may be writing. */
export async function check(cluster: LabCluster, journalPath: string): Promise<Verdict> {
  const ledger = ledgerOf(await readJournal(journalPath));
  const local = await Deno.makeTempDir({ dir: cluster.lab.directory });
  await cluster.client.ok("get", "-r", "/load", `${local}/all`);
  const verdict = judge(ledger, await filesUnder(`${local}/all`, "/load"));
  await Deno.remove(local, { recursive: true });
  return verdict;
}

/** Takes everything out of the trash that must be in it, and compares; how many that were. */
export async function checkTrash(
  cluster: LabCluster,
  journalPath: string,
): Promise<{ entries: number; lost: string[] }> {
  const { trash } = ledgerOf(await readJournal(journalPath));
  const lost: string[] = [];
  if (trash.size === 0) return { entries: 0, lost };
  for (const [trashId, { path }] of trash) {
    const { code, err } = await cluster.client.ask(["restore", `@${trashId}`, `/back/${trashId}`]);
    if (code !== 0) lost.push(`${path} cannot be restored: ${err.trim()}`);
  }
  const local = await Deno.makeTempDir({ dir: cluster.lab.directory });
  await cluster.client.ok("get", "-r", "/back", `${local}/back`);
  const found = await filesUnder(`${local}/back`, "");
  for (const [trashId, { path, content }] of trash) {
    if (!found.get(`/${trashId}`)?.(content)) lost.push(`${path} is not ${told(content)}`);
  }
  await Deno.remove(local, { recursive: true });
  return { entries: trash.size, lost };
}

/**
 * Chunks of acknowledged files that lie, read and hashed here, on fewer than `copies` seeders'
 * disks. The seeders must be stopped.
 */
export async function thinChunks(
  cluster: LabCluster,
  journalPath: string,
  copies: number,
): Promise<{ chunks: number; thin: string[] }> {
  const holders = new Map<string, string[]>();
  for (const name of cluster.seeders) {
    const store = await openDiskStore({
      disk: systemDisk(),
      directory: cluster.storeOf(name),
      clock: systemClock(),
      random: systemRandom(),
      log: silentLog,
    });
    for (let page = await store.list(undefined, 1000); page.length > 0;) {
      for (const { chunkId } of page) {
        if (await store.verify(chunkId) !== "good") continue;
        holders.set(chunkId, [...holders.get(chunkId) ?? [], name]);
      }
      page = await store.list(page.at(-1)!.chunkId, 1000);
    }
    await store.close();
  }
  const ledger = ledgerOf(await readJournal(journalPath));
  const thin: string[] = [];
  let chunks = 0;
  for (const [path, content] of ledger.files) {
    for (const chunkId of chunkIdsOf(content)) {
      chunks++;
      const names = holders.get(chunkId) ?? [];
      if (names.length < copies) thin.push(`${chunkId.slice(0, 12)} of ${path}: on ${names}`);
    }
  }
  return { chunks, thin };
}
