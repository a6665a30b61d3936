/**
 * The brake on losses: when two seeders or more go within ten minutes that together held a third of
 * all copies, or all copies of some chunk, no copy is given up until a person confirms the loss, or
 * everything lost is back. One disk that dies stops nothing. What the tracker itself ordered to be
 * dropped is no loss. A stop outlives the tracker; what went before its start is not a loss at
 * once. What is too much is decided in `plan/brakes.ts`.
 */
import * as z from "zod";
import { type ChunkId, type ConfirmLossReply, SeederId } from "../../../protocol/mod.ts";
import { answeredBefore, type Asked } from "../asked.ts";
import type { CatalogTransaction } from "../catalog/catalog.ts";
import type { Ground } from "../ground.ts";
import type { Members } from "../seeders/members.ts";
import type { Brake } from "../plan/authority.ts";
import { isBack, isLargeLoss, type Loss, lossBetween, mayStop, totalOf } from "../plan/brakes.ts";
import { isLive } from "../plan/view.ts";

const windowMs = 10 * 60_000;
const sampleMs = 5_000;
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
  #counted: { readonly of: string; readonly chunks: number } | undefined;
  #stop: Stop | undefined;

  /** @param kept the setting as the last tracker left it */
  constructor(private readonly needs: LossNeeds, kept: string | undefined) {
    if (kept !== undefined && kept !== "") this.#stop = Stop.parse(JSON.parse(kept));
  }

  static readonly settingName = settingName;

  get stopped(): Brake | undefined {
    if (this.#stop === undefined) return undefined;
    const { sinceMs, why } = this.#stop;
    const next = "bring back what went, or confirm that it is lost: confirm-loss";
    return { sinceMs, why: `no copy is given up: ${why}`, next };
  }

  /** Copies the tracker took out itself. */
  dropped(drops: readonly { readonly seederId: SeederId; readonly chunk: { chunkId: ChunkId } }[]) {
    for (const { held } of this.#samples) {
      for (const { seederId } of drops) {
        held.set(seederId, Math.max(0, (held.get(seederId) ?? 0) - 1));
      }
    }
  }

  /** A seeder was forgotten on purpose: a person knows of its loss. */
  forget(seederId: SeederId): void {
    for (const { held } of this.#samples) held.delete(seederId);
  }

  async step(nowMs: number): Promise<void> {
    const core = this.needs;
    const last = this.#samples.at(-1)?.atMs;
    if (last !== undefined && nowMs - last < sampleMs) return;
    const held = await heldNow(core, nowMs);
    const stop = this.#stop;
    if (stop === undefined) {
      const found = await this.#lossNow(held, nowMs);
      if (found !== undefined) await this.#set(found);
    } else if (isBack(stop.lost, held)) {
      core.log.info("what was lost is back, copies may be given up again", {});
      await this.#set(undefined);
    }
    this.#samples = this.#samples.filter(({ atMs }) => nowMs - atMs <= windowMs);
    this.#samples.push({ atMs: nowMs, held });
  }

  async #lossNow(held: ReadonlyMap<SeederId, number>, nowMs: number): Promise<Stop | undefined> {
    const most = this.#samples.toSorted((a, b) => totalOf(b.held) - totalOf(a.held))[0];
    if (most === undefined) return undefined;
    const loss = lossBetween(most.held, held);
    if (!isLargeLoss(loss, await this.#wholeChunks(loss, held))) return undefined;
    const { lost, gone, before } = loss;
    const { members } = this.needs;
    const names = lost.map(({ seederId }) => members.get(seederId)?.row.name ?? seederId);
    const why = `${gone} of ${before} copies went within ten minutes, on ${names.join(", ")}`;
    return { sinceMs: nowMs, why, lost: [...lost] };
  }

  /** Chunks all of whose copies went with the seeders that were lost. Counted once for a set. */
  async #wholeChunks(loss: Loss, held: ReadonlyMap<SeederId, number>): Promise<number> {
    if (!mayStop(loss)) return 0;
    const gone = loss.lost.map(({ seederId }) => seederId);
    const there = [...held.keys()].filter((seederId) => !gone.includes(seederId));
    const of = `${gone.toSorted().join()} ${there.toSorted().join()}`;
    if (this.#counted?.of === of) return this.#counted.chunks;
    const chunks = await this.needs.catalog.read(async (view) =>
      (await view.chunksBelow(there)).unavailable -
      (await view.chunksBelow([...there, ...gone])).unavailable
    );
    this.#counted = { of, chunks };
    return chunks;
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
