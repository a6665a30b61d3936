/**
 * The brake: when more than a third of all copies go within ten minutes, something larger than a
 * disk is broken (a switch, a wrong mount, a mistake), and no copy is given up until a person
 * confirms the loss, forgets the seeders, or everything lost is back. What the tracker itself
 * ordered to be dropped is no loss. A stop outlives the tracker; what went before its start is not
 * a loss at once.
 */
import * as z from "zod";
import { type ChunkId, type ConfirmLossReply, SeederId } from "../../../protocol/mod.ts";
import { answeredBefore, type Asked } from "../asked.ts";
import type { CatalogTransaction } from "../catalog/catalog.ts";
import type { Ground } from "../ground.ts";
import type { Members } from "../seeders/members.ts";
import { isLive } from "../plan/view.ts";

const windowMs = 10 * 60_000;
const sampleMs = 5_000;
const shareMost = 1 / 3;
/** Of what a seeder had, this much must be back. */
const backShare = 0.9;
const settingName = "drops-stopped";

interface Sample {
  readonly atMs: number;
  readonly held: Map<SeederId, number>;
}

const Stop = z.strictObject({
  sinceMs: z.int(),
  why: z.string(),
  /** Copies each seeder had that lost some. */
  lost: z.array(z.strictObject({ seederId: SeederId, had: z.int() })),
});
type Stop = z.output<typeof Stop>;

export interface LossNeeds extends Pick<Ground, "catalog" | "log"> {
  readonly members: Members;
}

export class LossGuard {
  #samples: Sample[] = [];
  #stop: Stop | undefined;

  /** @param kept the setting as the last tracker left it */
  constructor(private readonly needs: LossNeeds, kept: string | undefined) {
    if (kept !== undefined && kept !== "") this.#stop = Stop.parse(JSON.parse(kept));
  }

  static readonly settingName = settingName;

  get stopped(): { sinceMs: number; why: string } | undefined {
    if (this.#stop === undefined) return undefined;
    const { sinceMs, why } = this.#stop;
    return { sinceMs, why };
  }

  /** Copies the tracker took out itself. */
  dropped(drops: readonly { readonly seederId: SeederId; readonly chunk: { chunkId: ChunkId } }[]) {
    for (const { held } of this.#samples) {
      for (const { seederId } of drops) {
        held.set(seederId, Math.max(0, (held.get(seederId) ?? 0) - 1));
      }
    }
  }

  /** A seeder was forgotten on purpose: a person knows of its loss, so nobody waits for it. */
  async forget(seederId: SeederId): Promise<void> {
    for (const { held } of this.#samples) held.delete(seederId);
    const stop = this.#stop;
    if (stop === undefined) return;
    const lost = stop.lost.filter((each) => each.seederId !== seederId);
    await this.#set(lost.length === 0 ? undefined : { ...stop, lost });
  }

  async step(nowMs: number): Promise<void> {
    const core = this.needs;
    const last = this.#samples.at(-1)?.atMs;
    if (last !== undefined && nowMs - last < sampleMs) return;
    const held = await heldNow(core, nowMs);
    const stop = this.#stop;
    if (stop === undefined) {
      const found = lossOf(this.#samples, held, nowMs, core);
      if (found !== undefined) await this.#set(found);
    } else if (
      stop.lost.every(({ seederId, had }) => (held.get(seederId) ?? 0) >= had * backShare)
    ) {
      core.log.info("what was lost is back, copies may be given up again", {});
      await this.#set(undefined);
    }
    this.#samples = this.#samples.filter(({ atMs }) => nowMs - atMs <= windowMs);
    this.#samples.push({ atMs: nowMs, held });
  }

  /** Not confirmed when nothing was stopped. */
  async confirm(
    asked: Asked<typeof ConfirmLossReply>,
  ): Promise<z.input<typeof ConfirmLossReply>> {
    const before = await answeredBefore(this.needs, asked);
    if (before !== undefined) return before;
    const confirmed = this.#stop !== undefined;
    if (!confirmed) return { confirmed };
    await this.#set(undefined, (tx) => asked.keep(tx, { confirmed }));
    this.#samples = [];
    return { confirmed };
  }

  async #set(
    stop: Stop | undefined,
    also: (tx: CatalogTransaction) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    // In force before it is written: a full disk must not let a drop through.
    if (stop !== undefined) this.#stop = stop;
    const text = stop === undefined ? "" : JSON.stringify(stop);
    await this.needs.catalog.transaction(async (tx) => {
      await tx.putSetting(settingName, text);
      await also(tx);
    });
    this.#stop = stop;
    if (stop !== undefined) this.needs.log.error("drops stopped", { why: stop.why });
  }
}

/** Copies on seeders that answer, or whose absence was announced. */
async function heldNow(core: LossNeeds, nowMs: number): Promise<Map<SeederId, number>> {
  const there = core.members.view(nowMs).seeders
    .filter(({ state, excused }) => isLive(state) || excused === true)
    .map(({ seederId }) => seederId);
  return await core.catalog.read(async (view) => {
    const held = new Map<SeederId, number>();
    for (const seederId of there) {
      held.set(seederId, (await view.holdingsSummary(seederId)).chunkCount);
    }
    return held;
  });
}

function total(held: ReadonlyMap<SeederId, number>): number {
  return held.values().reduce((sum, count) => sum + count, 0);
}

function lossOf(
  samples: readonly Sample[],
  held: ReadonlyMap<SeederId, number>,
  nowMs: number,
  core: LossNeeds,
): Stop | undefined {
  const most = samples.toSorted((a, b) => total(b.held) - total(a.held))[0];
  if (most === undefined) return undefined;
  const lost = [...most.held].filter(([seederId, had]) => (held.get(seederId) ?? 0) < had)
    .map(([seederId, had]) => ({ seederId, had }));
  const gone = lost.reduce((sum, { seederId, had }) => sum + had - (held.get(seederId) ?? 0), 0);
  const before = total(most.held);
  if (gone <= before * shareMost) return undefined;
  const names = lost.map(({ seederId }) => core.members.get(seederId)?.row.name ?? seederId);
  const why = `${gone} of ${before} copies went within ten minutes, on ${names.join(", ")}`;
  return { sinceMs: nowMs, why, lost };
}
