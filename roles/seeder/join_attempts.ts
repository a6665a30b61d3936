/**
 * Under which id this seeder asks to join, written down and synced before it asks: `joining.json`.
 * A seeder that dies before it has written down the answer asks again under the same id, and the
 * tracker, shown the secret the id was made from, gives the same answer. Once `seeder.json` is
 * there, this file means nothing and goes.
 */
import * as z from "zod";
import { ClusterId, SecretKey, type SeederId, seederIdOf } from "../../protocol/mod.ts";
import type { Clock } from "../kit/clock.ts";
import { type Disk, readWhole, writeDurably } from "../kit/disk.ts";
import type { Log } from "../kit/log.ts";
import { type Random, randomHex } from "../kit/random.ts";

const JoiningFile = z.strictObject({ clusterId: ClusterId, attempt: SecretKey });

export interface JoinAttemptsParts {
  readonly disk: Disk;
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export class JoinAttempts {
  readonly #path: string;

  constructor(private readonly parts: JoinAttemptsParts) {
    this.#path = `${parts.directory}/joining.json`;
  }

  /**
   * The attempt to join this cluster: the one that is written down, or a fresh one. A secret that
   * one cluster was told is not told another.
   */
  async of(clusterId: ClusterId): Promise<{ seederId: SeederId; attempt: SecretKey }> {
    const kept = await this.#read();
    if (kept?.clusterId === clusterId) {
      return { seederId: seederIdOf(kept.attempt), attempt: kept.attempt };
    }
    const { disk, clock, random } = this.parts;
    const attempt = SecretKey.parse(randomHex(random, 64));
    const text = `${JSON.stringify({ clusterId, attempt }, undefined, 2)}\n`;
    const attributes = { mode: 0o600, modifiedMs: clock.now() };
    await writeDurably(disk, this.#path, new TextEncoder().encode(text), attributes);
    return { seederId: seederIdOf(attempt), attempt };
  }

  /** One that cannot be read leads nowhere: nothing was joined under it that holds a chunk. */
  async #read(): Promise<z.output<typeof JoiningFile> | undefined> {
    const bytes = await readWhole(this.parts.disk, this.#path);
    if (bytes === undefined) return undefined;
    try {
      return JoiningFile.parse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
    } catch (fault) {
      this.parts.log.warn("joining.json is damaged, a new one is made", { fault });
      return undefined;
    }
  }

  /** What is not removed now is passed over, and removed at the next start. */
  async forget(): Promise<void> {
    const { disk, log } = this.parts;
    try {
      if (await disk.stat(this.#path) !== undefined) await disk.remove(this.#path);
    } catch (fault) {
      log.warn("joining.json not removed", { fault });
    }
  }
}
