/**
 * The identity of the cluster and its one key: made at the first start of a tracker and kept in
 * `cluster.json` beside the catalog, readable by the tracker's user alone. Without it every seeder
 * and person would have to be admitted anew, so a lost or damaged file is never replaced silently.
 */
import * as z from "zod";
import { ClusterId, Fault, SecretKey, type SeederId, seederKeyOf } from "../../protocol/mod.ts";
import { type Disk, readWhole, writeDurably } from "../kit/disk.ts";
import { type Random, randomHex } from "../kit/random.ts";

const ClusterFile = z.strictObject({ clusterId: ClusterId, clusterKey: SecretKey });
type ClusterFile = z.output<typeof ClusterFile>;

export class ClusterKeys {
  readonly clusterId: ClusterId;
  readonly clusterKey: SecretKey;
  readonly #seederKeys = new Map<string, SecretKey>();

  constructor({ clusterId, clusterKey }: ClusterFile) {
    this.clusterId = clusterId;
    this.clusterKey = clusterKey;
  }

  /** The key shared with one seeder, of one generation; derived once. */
  seederKey(seederId: SeederId, generation: number): SecretKey {
    const name = `${seederId} ${generation}`;
    const known = this.#seederKeys.get(name);
    if (known !== undefined) return known;
    const key = seederKeyOf(this.clusterKey, seederId, generation);
    this.#seederKeys.set(name, key);
    return key;
  }
}

/** Permission bits of a file with a secret in it. */
export const secretFileMode = 0o600;

/**
 * Reads the cluster's keys, or makes them when neither the file nor the catalog knows of a cluster.
 * @param knownId the cluster id the catalog keeps, absent in a new one
 * @throws Fault `config-corrupt` when the file is damaged, missing, or of another cluster
 */
export async function openClusterKeys(
  disk: Disk,
  directory: string,
  random: Random,
  knownId: string | undefined,
  nowMs: number,
): Promise<ClusterKeys> {
  const path = `${directory}/cluster.json`;
  const bytes = await readWhole(disk, path);
  if (bytes === undefined) {
    if (knownId !== undefined) throw missing(path, knownId);
    const made = ClusterFile.parse({
      clusterId: randomHex(random, 16),
      clusterKey: randomHex(random, 64),
    });
    const keys = new ClusterKeys(made);
    await writeClusterKeys(disk, directory, keys, nowMs);
    return keys;
  }
  const file = parseFile(path, bytes);
  if (knownId !== undefined && file.clusterId !== knownId) {
    throw new Fault(
      "config-corrupt",
      `${path} is of cluster ${file.clusterId}, the catalog beside it of cluster ${knownId}`,
      { next: "put the two files that belong together back in place" },
    );
  }
  return new ClusterKeys(file);
}

/** Keeps the keys in `cluster.json`. Throws what the disk throws. */
export async function writeClusterKeys(
  disk: Disk,
  directory: string,
  { clusterId, clusterKey }: ClusterKeys,
  nowMs: number,
): Promise<void> {
  await disk.makeDirectory(directory);
  const file = JSON.stringify({ clusterId, clusterKey }, undefined, 2);
  const attributes = { mode: secretFileMode, modifiedMs: nowMs };
  await writeDurably(
    disk,
    `${directory}/cluster.json`,
    new TextEncoder().encode(`${file}\n`),
    attributes,
  );
  // The folder and the one above it may be as new as the file: their names must last as well.
  const above = directory.slice(0, directory.lastIndexOf("/"));
  await disk.syncDirectory(above || "/");
  await disk.syncDirectory(above.slice(0, above.lastIndexOf("/")) || "/");
}

function parseFile(path: string, bytes: Uint8Array<ArrayBuffer>): ClusterFile {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return ClusterFile.parse(JSON.parse(text));
  } catch (cause) {
    // The cause may quote the file, and the file is a secret: only its kind is told.
    const kind = cause instanceof z.ZodError ? "fields are missing or malformed" : "it is not JSON";
    throw new Fault("config-corrupt", `${path} is damaged: ${kind}`, {
      next: "restore cluster.json from a copy: seeders and people are known by the key in it",
    });
  }
}

function missing(path: string, knownId: string): Fault {
  return new Fault(
    "config-corrupt",
    `${path} is missing, but the catalog beside it belongs to cluster ${knownId}`,
    {
      next: "restore cluster.json from a copy: seeders and people are known by the key in it. " +
        "To give the catalog up and begin a new cluster, move the whole folder away",
    },
  );
}
