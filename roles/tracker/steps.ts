/**
 * What a tracker does by itself: once a second it notices silent seeders, forgets ended leases,
 * purges, collects, heals and keeps the code files fresh; beside that it looks at its clock, at the
 * room on its disk, and makes snapshots. What of this may be done now the authority says, which the
 * works ask themselves; a tracker that is fenced does none of it.
 */
import { type SeederId, type SeederState } from "../../protocol/mod.ts";
import type { Clock } from "../kit/clock.ts";
import { repeat } from "../kit/pace.ts";
import { Codes } from "./codes.ts";
import { RecentCommits } from "./files/commit.ts";
import type { Core } from "./core.ts";
import { attendMs, stepRoster } from "./seeders/roster.ts";
import type { Room } from "./room.ts";
import { sweepTrash } from "./files/trash.ts";
import { sweepUploads } from "./files/uploads.ts";
import { sweepVersions } from "./files/versions.ts";

export function watch(core: Core, room: Room): () => Promise<number> {
  return async () => {
    await room.step(await core.catalog.read((view) => view.spareBytes()).catch(() => 0));
    return stepMs;
  };
}

export async function archiving(clock: Clock, signal: AbortSignal, core: Core): Promise<void> {
  const { archive } = core;
  if (archive === undefined) return;
  signal.addEventListener("abort", () => void archive.close(), { once: true });
  await repeat(clock, signal, () => archive.snapshots.step());
  await archive.close();
}

const stepMs = 1_000;

/** Apart from the steps, which may take their time, so that only the tracker's own stalls count. */
export function attention(core: Core): () => Promise<number> {
  return () => {
    core.leases.attend();
    const stallMs = core.members.attend(core.now());
    if (stallMs > 0) core.log.warn("the tracker was held up", { stallMs });
    return Promise.resolve(attendMs);
  };
}

export function stepper(core: Core, codes: Codes, recent: RecentCommits): () => Promise<number> {
  let states: ReadonlyMap<SeederId, SeederState> = new Map();
  return async () => {
    const nowMs = core.now();
    const { members } = core;
    const presences = members.all().map(({ row, heardMs }) => ({
      seederId: row.seederId,
      away: row.away,
      heardMs,
    }));
    const step = stepRoster(states, presences, members.upSinceMs, members.judged(nowMs));
    states = step.states;
    for (const change of step.changes) {
      core.log.info("seeder state changed", {
        ...change,
        name: members.get(change.seederId)?.row.name,
      });
    }
    for (const { seederId, order } of core.orders.sweep(nowMs)) {
      core.log.info("order forgotten", { seederId, kind: order.kind, chunkId: order.chunkId });
      if (order.kind === "drop") core.holdings.doubt(seederId);
      core.healing.ended(seederId, order, undefined);
    }
    core.holdings.sweep(nowMs);
    recent.sweep(core.leases.now());
    if (core.authority.standing.state !== "fenced") {
      await core.shipping.step();
      await forgetEndedUploads(core);
      await purgeTrash(core);
      await dropOldVersions(core);
      await collectGarbage(core);
      await heal(core, nowMs);
    }
    await refreshCodes(core, codes);
    return stepMs;
  };
}

/** What fails is tried again a second later. */
async function heal(core: Core, nowMs: number): Promise<void> {
  try {
    await core.losses.step(nowMs);
    await core.healing.step();
  } catch (fault) {
    core.log.error("healing failed", { fault });
  }
}

async function forgetEndedUploads(core: Core): Promise<void> {
  try {
    const swept = await sweepUploads(core);
    if (swept > 0) core.log.info("uploads forgotten", { swept });
  } catch (fault) {
    core.log.error("ended uploads not forgotten", { fault });
  }
}

async function purgeTrash(core: Core): Promise<void> {
  try {
    const entries = await sweepTrash(core);
    if (entries > 0) core.log.info("trash purged", { entries });
  } catch (fault) {
    core.log.error("trash not purged", { fault });
  }
}

async function dropOldVersions(core: Core): Promise<void> {
  try {
    const versions = await sweepVersions(core);
    if (versions > 0) core.log.info("old versions given up", { versions });
  } catch (fault) {
    core.log.error("old versions not given up", { fault });
  }
}

async function collectGarbage(core: Core): Promise<void> {
  try {
    const copies = await core.garbage.sweep();
    if (copies > 0) core.log.info("garbage dropped", { copies });
  } catch (fault) {
    core.log.error("garbage not dropped", { fault });
  }
}

/** A disk that refuses must not keep the tracker from serving what it has: it is tried again. */
export async function refreshCodes(core: Core, codes: Codes): Promise<void> {
  try {
    await codes.refresh();
  } catch (fault) {
    core.log.error("code files not written", { fault });
  }
}
