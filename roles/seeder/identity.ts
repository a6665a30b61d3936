/**
 * Who this seeder is: `seeder.json` in its state folder, readable by its owner only. It is written
 * once when the seeder joins and again when the tracker's address or epoch changes. A damaged one
 * stops the start: a new identity in its place would turn every copy here into a stranger's.
 */
import * as z from "zod";
import {
  BaseUrl,
  ClusterId,
  type CodeClaims,
  Fault,
  KeyGeneration,
  LogMark,
  readCode,
  SecretKey,
  SeederId,
} from "../../protocol/mod.ts";
import type { Clock } from "../kit/clock.ts";
import { type Disk, readWhole, writeDurably } from "../kit/disk.ts";

export const Identity = z.strictObject({
  seederId: SeederId,
  /** The secret that the id was made from: whoever shows it is this seeder. */
  attempt: SecretKey,
  clusterId: ClusterId,
  seederKey: SecretKey,
  /** Of the key. */
  generation: KeyGeneration,
  trackerAddress: BaseUrl,
  /**
   * Of the latest start of a tracker that was heard: no word is taken of one with a lower epoch, or
   * of another with the same. Absent before the first.
   */
  heard: LogMark.optional(),
});
export type Identity = z.output<typeof Identity>;

export class IdentityFile {
  readonly #path: string;

  constructor(private readonly disk: Disk, directory: string, private readonly clock: Clock) {
    this.#path = `${directory}/seeder.json`;
  }

  /** Undefined when this seeder has not joined a cluster. @throws Fault `config-corrupt` */
  async read(): Promise<Identity | undefined> {
    const bytes = await readWhole(this.disk, this.#path);
    if (bytes === undefined) return undefined;
    try {
      return Identity.parse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
    } catch (cause) {
      throw new Fault("config-corrupt", `${this.#path} is damaged: it is not a seeder's identity`, {
        cause,
        next:
          `restore ${this.#path} from a backup; or, giving up this seeder's identity, move it ` +
          "away and start with a join code: the chunks stay and are counted again",
      });
    }
  }

  async write(identity: Identity): Promise<void> {
    const text = `${JSON.stringify(identity, undefined, 2)}\n`;
    const attributes = { mode: 0o600, modifiedMs: this.clock.now() };
    await writeDurably(this.disk, this.#path, new TextEncoder().encode(text), attributes);
  }
}

/**
 * Where the tracker is by this join code, undefined when the code is none. A person who gives a
 * code of another cluster is told so, rather than have the disk's chunks counted in a cluster they
 * are not of.
 * @throws Fault `config-invalid`
 */
export function trackerByCode(code: string | undefined, identity: Identity): string | undefined {
  if (code === undefined) return undefined;
  let told: CodeClaims;
  try {
    told = readCode(code).claims;
  } catch {
    return undefined;
  }
  if (told.clusterId === identity.clusterId) return told.tracker;
  throw new Fault(
    "config-invalid",
    `this disk belongs to seeder ${identity.seederId} of cluster ${identity.clusterId}, and the ` +
      `join code is of cluster ${told.clusterId}`,
    {
      next:
        "was the disk of that cluster's tracker lost? Then change nothing here, and start the " +
        "tracker on an empty disk with --rebuild and its recovery code (docs/RECOVERY.md). To " +
        "join another cluster give this seeder an empty disk and keep this one",
    },
  );
}
