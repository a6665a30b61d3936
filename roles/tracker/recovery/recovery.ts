/**
 * The recovery code: 32 random bytes made at the first start, for a person to keep. Under it the
 * cluster key is sealed, and the sealed key is kept by every seeder beside its copy of the log, so
 * that a tracker with an empty disk and the code is the cluster's tracker again, and a stolen
 * seeder is not. The code is written once to `codes/recovery` and not needed on this disk any more.
 */
import {
  Fault,
  RecoveryCode,
  type SealedKey,
  SealedKey as SealedKeySchema,
  sealKey,
} from "../../../protocol/mod.ts";
import { type Disk, readWhole, writeDurably } from "../../kit/disk.ts";
import { type Random, randomHex } from "../../kit/random.ts";
import { type ClusterKeys, secretFileMode } from "../cluster_keys.ts";

export interface RecoveryParts {
  readonly disk: Disk;
  readonly stateDirectory: string;
  readonly random: Random;
  readonly nowMs: number;
}

/** The sealed key, and the code when it was made just now. @throws Fault `config-corrupt` */
export async function openSealedKey(
  parts: RecoveryParts,
  keys: ClusterKeys,
): Promise<{ sealedKey: SealedKey; made?: RecoveryCode }> {
  const { disk, stateDirectory, random } = parts;
  const path = `${stateDirectory}/sealed.json`;
  const bytes = await readWhole(disk, path);
  if (bytes !== undefined) {
    try {
      const sealedKey = SealedKeySchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
      if (sealedKey.clusterId === keys.clusterId) return { sealedKey };
    } catch {
      // Told below as damaged.
    }
    throw new Fault("config-corrupt", `${path} is damaged or of another cluster`, {
      next: "move it away: a new recovery code is made at the next start",
    });
  }
  const code = RecoveryCode.parse(`offshore-recovery-${randomHex(random, 64)}`);
  return { sealedKey: await keepSealed(parts, keys, code), made: code };
}

/**
 * Seals the key under `code` and keeps both. The code first: a sealed key without one is no use.
 */
export async function keepSealed(
  { disk, stateDirectory, random, nowMs }: RecoveryParts,
  { clusterId, clusterKey }: ClusterKeys,
  code: RecoveryCode,
): Promise<SealedKey> {
  const encoder = new TextEncoder();
  const attributes = { mode: secretFileMode, modifiedMs: nowMs };
  const codes = `${stateDirectory}/codes`;
  await disk.makeDirectory(codes);
  await writeDurably(disk, `${codes}/recovery`, encoder.encode(`${code}\n`), attributes);
  const sealedKey = sealKey(code, clusterId, clusterKey, randomHex(random, 24));
  const text = encoder.encode(`${JSON.stringify(sealedKey, undefined, 2)}\n`);
  await writeDurably(disk, `${stateDirectory}/sealed.json`, text, attributes);
  return sealedKey;
}
