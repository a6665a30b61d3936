/**
 * Who knows the truth about a world that has come to rest.
 *
 * `nothingHalfSeen` lists the whole namespace through the real client and downloads every file:
 * each path must be what the belief allows, whole, and the bytes of what was uploaded under its
 * version; what was certainly moved to the trash must lie there. It does not check modes, times,
 * links, empty directories, or that quotas and totals are right.
 *
 * `versionsKept` reads every version that was ever acknowledged by its id, also those that another
 * took the place of and those in the trash, as long as the policies keep so many. It expects shares
 * of the disks that keep all of them, and does not check in which order a file lists them.
 * `noMoreVersions` counts those that the policies let go, where the last overwrite tells.
 *
 * `nothingLost` reads the seeders' disks with no seeder running: every chunk of every file that is
 * certainly there, certainly in the trash, or kept as a version by the catalog, must have as many
 * intact copies as promised: of what somebody sent, apart from people's files; of what was adopted,
 * there or elsewhere, unless hands may have taken all of it. It does not check what the tracker
 * records as holdings, chunks nobody names any more, or where copies lie.
 */
import {
  childOf,
  type ChunkId,
  chunkIdOf,
  type RemotePath,
  rootPath,
} from "../../../protocol/mod.ts";
import { downloadFiles } from "../../../roles/client/transfer/download.ts";
import type { Session } from "../../../roles/client/cluster/session.ts";
import { silentObserver } from "../../../roles/client/transfer/transfer.ts";
import { silentLog } from "../../../roles/kit/log.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { openDiskStore } from "../../../roles/seeder/mod.ts";
import type { ChunkStore } from "../../../roles/seeder/store/chunk_store.ts";
import type { Belief } from "../people/belief.ts";
import { type ClientMachine, type Cluster, stateOf } from "../machine/cluster.ts";
import { chunksOf, type Content, isContent, isSame, told } from "../people/contents.ts";
import { isPeoples, type People } from "../people/people.ts";
import { mayBeLost } from "./adopted_checks.ts";
import type { VersionRow } from "../../../roles/tracker/catalog/catalog.ts";

/**
 * What is wrong with the namespace as `client` sees it, in words.
 * @param people whose files were adopted as well
 */
export async function nothingHalfSeen(
  client: ClientMachine,
  belief: Belief,
  people?: People,
): Promise<string[]> {
  const { session, machine } = client;
  if (session === undefined) return [`${machine.name} has no session`];
  const problems: string[] = [];
  const listed = await listAll(session, rootPath);
  for (const path of belief.paths()) {
    const seen = listed.includes(path);
    if (!seen && !belief.allows(path, "absent")) {
      problems.push(`${path} is gone; it was ${belief.worded(path)}`);
    }
  }
  const trashed = (await session.tracker.trash({})).entries.map(({ trashId }) => trashId);
  for (const [trashId, { path, content }] of belief.trashInDoubt ? [] : belief.trash) {
    if (!trashed.includes(trashId)) {
      problems.push(`entry ${trashId} is gone from the trash: ${path}, ${told(content)}`);
    }
  }
  const wanted = listed.map((path, i) => ({
    target: { path },
    localPath: `/home/check-${i}`,
    name: path,
  }));
  let reported = 0;
  const options = { force: true, observer: silentObserver };
  for await (const result of downloadFiles(session, wanted, options)) {
    reported++;
    const path = wanted.find((one) => one.localPath === result.path)?.name;
    if (path === undefined) {
      problems.push(`a download reported ${result.path}, which was not asked for`);
      continue;
    }
    if (result.fault !== undefined) {
      const { code, message } = result.fault;
      if (people !== undefined && await mayBeLost(session, people, path)) continue;
      problems.push(`${path} is listed and does not come down: ${code}: ${message}`);
      continue;
    }
    const bytes = machine.disk.peek(result.path);
    machine.disk.uproot(result.path);
    const adopted = adoptedAt(path, belief, people);
    if (bytes !== undefined && adopted.some((one) => isContent(bytes, one))) continue;
    const version = result.versionId && belief.contentOf(result.versionId);
    const allowed = belief.possibilities(path).filter((one) => one !== "absent");
    const candidates = version === undefined ? allowed : allowed.filter((one) => one === version);
    if (bytes === undefined || !candidates.some((one) => isContent(bytes, one))) {
      problems.push(
        `${path} came down as ${bytes?.length} bytes under version ${result.versionId}, ` +
          `${version === undefined ? "unknown" : told(version)}; it may be ${belief.worded(path)}`,
      );
    }
  }
  if (reported !== wanted.length) {
    problems.push(`${wanted.length} downloads were asked for, ${reported} reported`);
  }
  return problems;
}

/** What a name may hold that people left on a disk, unless somebody certainly replaced it. */
function adoptedAt(path: RemotePath, belief: Belief, people: People | undefined): Content[] {
  const all = isPeoples(path) ? people?.allowed(path) ?? [] : [];
  const certain = belief.certain(path);
  return certain === undefined || all.some((one) => isSame(one, certain)) ? all : [];
}

/** Which earlier versions cannot be had any more, in words. */
export async function versionsKept(client: ClientMachine, belief: Belief): Promise<string[]> {
  const { session, machine } = client;
  if (session === undefined) return [`${machine.name} has no session`];
  const problems: string[] = [];
  const kept = belief.versionsKept();
  const wanted = [...kept.keys()].map((versionId) => ({
    target: { versionId },
    localPath: `/home/version-${versionId}`,
    name: versionId,
  }));
  let reported = 0;
  const options = { force: true, observer: silentObserver };
  for await (const result of downloadFiles(session, wanted, options)) {
    reported++;
    const versionId = wanted.find((one) => one.localPath === result.path)?.target.versionId;
    const content = versionId && kept.get(versionId);
    const bytes = machine.disk.peek(result.path);
    if (bytes !== undefined) machine.disk.uproot(result.path);
    if (content === undefined) {
      problems.push(`a download reported ${result.path}, which was not asked for`);
    } else if (result.fault !== undefined) {
      const { code, message } = result.fault;
      problems.push(`version ${versionId}, ${told(content)}, cannot be had: ${code}: ${message}`);
    } else if (bytes === undefined || !isContent(bytes, content)) {
      problems.push(`version ${versionId} is ${bytes?.length} bytes that are not ${told(content)}`);
    }
  }
  if (reported !== wanted.length) {
    problems.push(`${wanted.length} versions were asked for, ${reported} reported`);
  }
  return problems;
}

/** Which files have more earlier versions than their policy keeps, in words. */
export async function noMoreVersions(client: ClientMachine, belief: Belief): Promise<string[]> {
  const { session } = client;
  if (session === undefined) return [];
  const problems: string[] = [];
  for (const [path, most] of belief.versionsMost) {
    if (belief.certain(path) === undefined) continue;
    const { versions } = await session.tracker.versions({ target: { path } });
    const old = versions.filter(({ current }) => !current).length;
    if (old > most) problems.push(`${path} has ${old} earlier versions, its policy keeps ${most}`);
  }
  return problems;
}

/** Paths of all files, in ascending order. */
export async function listAll(session: Session, directory: RemotePath): Promise<RemotePath[]> {
  const found: RemotePath[] = [];
  let after: string | undefined;
  do {
    const page = await session.tracker.list({
      path: directory,
      ...(after === undefined ? {} : { after }),
    });
    for (const entry of page.entries) {
      const path = childOf(directory, entry.name);
      if (entry.kind === "directory") found.push(...await listAll(session, path));
      else if (entry.kind === "file") found.push(path);
    }
    after = page.next;
  } while (after !== undefined);
  return found.sort();
}

/**
 * What the disks have lost, in words. No seeder may be running.
 * @param copies promised for each file of which nothing else is known
 */
export async function nothingLost(
  cluster: Cluster,
  belief: Belief,
  copies: number,
  people?: People,
): Promise<string[]> {
  const problems: string[] = [];
  const stores: ChunkStore[] = [];
  for (const { disk, clock } of cluster.seeders) {
    const random = seededRandom(1);
    const directory = stateOf.seeder;
    stores.push(
      await openDiskStore({ disk, directory, folder: "/disk", clock, random, log: silentLog }),
    );
  }
  const counted = new Map<ChunkId, number>();
  const certain = belief.paths().map((path) => ({ path, content: belief.certain(path) }))
    .map((one) => ({ ...one, wanted: one.content && belief.leastWanted(one.content) }));
  const kept = await cluster.recorded().read((view) => view.versionsAfter(undefined, 100_000));
  const versions = kept.map(({ versionId }) => ({
    path: `version ${versionId}`,
    content: belief.contentOf(versionId),
    wanted: belief.wantedOf(versionId),
  }));
  problems.push(...await adoptedLost(cluster, stores, kept, people));
  for (const { path, content, wanted } of [...certain, ...trashedIn(belief), ...versions]) {
    if (content === undefined) continue;
    for (const [index, { chunkId }] of chunksOf(content).entries()) {
      let count = counted.get(chunkId);
      if (count === undefined) {
        count = 0;
        // What was sent never rests on a person's file.
        for (const store of stores) {
          if (store.isStored(chunkId) && await isIntact(store, chunkId)) count++;
        }
        counted.set(chunkId, count);
      }
      const promised = wanted ?? copies;
      if (count >= promised) continue;
      problems.push(
        `${path}, ${told(content)}: chunk ${index} (${chunkId.slice(0, 12)}) ` +
          `has ${count} intact copies of ${promised}`,
      );
    }
  }
  for (const store of stores) await store.close();
  return problems;
}

function trashedIn(belief: Belief) {
  const entries = belief.trashInDoubt ? [] : [...belief.trash.values()];
  return entries.map((entry) => ({ ...entry, wanted: belief.leastWanted(entry.content) }));
}

/** Versions of adopted files that have fewer intact copies than wanted, and no hand took them. */
async function adoptedLost(
  cluster: Cluster,
  stores: readonly ChunkStore[],
  versions: readonly VersionRow[],
  people: People | undefined,
): Promise<string[]> {
  const problems: string[] = [];
  for (const { versionId, adopted, copies } of people === undefined ? [] : versions) {
    if (adopted !== true) continue;
    const chunks = await cluster.recorded().read((view) => view.manifest(versionId, 0, 1000));
    const found = people?.withChunks(chunks.map(({ chunkId }) => chunkId)) ?? [];
    const [content] = found;
    if (content === undefined) problems.push(`version ${versionId} is of no file on any disk`);
    if (found.some((one) => people?.mayBeLost.has(one))) continue;
    for (const { chunkId } of chunks) {
      let count = 0;
      for (const store of stores) if (await isIntact(store, chunkId)) count++;
      if (count >= copies || content === undefined) continue;
      problems.push(
        `adopted version ${versionId}, ${told(content)}: chunk ${chunkId.slice(0, 12)} ` +
          `has ${count} intact copies of ${copies}`,
      );
    }
  }
  return problems;
}

async function isIntact(store: ChunkStore, chunkId: ChunkId): Promise<boolean> {
  if (store.sizeOf(chunkId) === undefined) return false;
  try {
    const { body } = await store.read(chunkId);
    const parts = body instanceof Uint8Array ? [body] : await Array.fromAsync(body);
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return chunkIdOf(bytes) === chunkId;
  } catch {
    return false;
  }
}
