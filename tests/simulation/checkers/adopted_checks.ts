/**
 * What must be so of files that people left on seeders' disks, once a world has come to rest: no
 * one but their hands has touched them, and each is offered in the cluster under its name, or one
 * beside it, with what it holds. It does not check where copies are (`nothingLost` and
 * `catalogTellsTheTruth` do), who is said to have written a file, nor its mode and time.
 */
import { type RemotePath, rootPath, type VersionId } from "../../../protocol/mod.ts";
import type { Session } from "../../../roles/client/cluster/session.ts";
import { listAll } from "./checkers.ts";
import type { ClientMachine, Cluster } from "../machine/cluster.ts";
import { chunksOf, type Content, isSame, told } from "../people/contents.ts";
import { isPeoples, type People } from "../people/people.ts";

/** Which files are not as a hand left them, in words. */
export function untouched(cluster: Cluster, people: People): string[] {
  return cluster.seeders.flatMap((machine) => people.disturbed(machine));
}

/** Which files on disks cannot be seen in the cluster, in words. */
export async function offered(
  cluster: Cluster,
  client: ClientMachine,
  people: People,
): Promise<string[]> {
  const { session } = client;
  if (session === undefined) return [];
  const problems: string[] = [];
  const shown = new Map<string, Content[]>();
  for (const path of (await listAll(session, rootPath)).filter(isPeoples)) {
    const { versions } = await session.tracker.versions({ target: { path } });
    for (const { versionId } of versions) {
      const contents = await contentsOf(cluster, people, versionId);
      for (const place of people.placesOf(path)) {
        shown.set(place, [...shown.get(place) ?? [], ...contents]);
      }
    }
  }
  for (const { machine, source, content } of people.files()) {
    if (people.touched.has(source)) continue;
    if (shown.get(source)?.some((one) => isAlike(one, content)) === true) continue;
    problems.push(`${source} on ${machine.name}, ${told(content)}, is not offered`);
  }
  return problems;
}

/** Which seeders have not looked through their files yet, or not told of all, in words. */
export async function unlooked(client: ClientMachine, people: People): Promise<string[]> {
  const { session } = client;
  const { seeders } = await session?.tracker.adopted({}) ?? { seeders: [] };
  const counts = new Map<string, number>();
  for (const { machine } of people.files()) {
    counts.set(machine.name, (counts.get(machine.name) ?? 0) + 1);
  }
  return [...counts].flatMap(([name, count]) => {
    const reports = seeders.filter((one) => one.name === name).map(({ report }) => report);
    const isDone = reports.some((report) =>
      report?.state === "resting" && report.filesWaiting === 0 && report.filesIndexed === count
    );
    return isDone ? [] : [`${name} has ${count} files and tells ${JSON.stringify(reports)}`];
  });
}

/** Whether a name holds what nobody need have any more. */
export async function mayBeLost(
  session: Session,
  people: People,
  path: RemotePath,
): Promise<boolean> {
  const { versionId } = await session.tracker.stat({ target: { path }, follow: true });
  if (versionId === undefined) return false;
  const found = await contentsOf(people.cluster, people, versionId);
  return found.some((one) => people.mayBeLost.has(one));
}

async function contentsOf(
  cluster: Cluster,
  people: People,
  versionId: VersionId,
): Promise<Content[]> {
  const chunks = await cluster.recorded().read((view) => view.manifest(versionId, 0, 1000));
  return people.withChunks(chunks.map(({ chunkId }) => chunkId));
}

/** The smallest contents are the same though their numbers differ. */
function isAlike(one: Content, other: Content): boolean {
  if (isSame(one, other)) return true;
  const [a, b] = [one, other].map((each) => chunksOf(each).map(({ chunkId }) => chunkId).join());
  return a === b;
}
