/**
 * What an administrator may say about seeders and their copies: announce an absence, drain, forget,
 * set the pace, confirm a loss. Each is one operation or one setting; carrying it out is healing's
 * work.
 */
import type * as z from "zod";
import {
  type DrainReply,
  type DrainRequest,
  Fault,
  type ForgetReply,
  type ForgetRequest,
  type MaintenanceReply,
  type MaintenanceRequest,
  type Pace,
  type SeederId,
  type SetPaceReply,
} from "../../../protocol/mod.ts";
import { answeredBefore, type Asked, once } from "../asked.ts";
import { type Ground, stampOf } from "../ground.ts";
import type { Member, Members } from "./members.ts";
import { commitOperation } from "../log/operations.ts";
import { isLive } from "../plan/view.ts";

export interface CareNeeds extends Pick<Ground, "catalog" | "epoch" | "now" | "log"> {
  readonly members: Members;
  readonly healing: { pace: Pace; lookAtAll(): void };
  readonly losses: { forget(seederId: SeederId): Promise<void> };
  readonly adoptions: { forget(seederId: SeederId): void };
}

export const paceSetting = "healing-pace";

function memberOf(core: CareNeeds, seederId: SeederId): Member {
  const member = core.members.get(seederId);
  if (member !== undefined) return member;
  throw new Fault("seeder-unknown", `no seeder with the id ${seederId} has joined this cluster`, {
    next: "list them: seeders",
  });
}

/** The row in memory first: a heartbeat that saves it meanwhile must not undo the change. */
async function change<Answer extends z.ZodType>(
  core: CareNeeds,
  member: Member,
  care: { draining: boolean; maintenanceUntilMs: number | null },
  asked: Asked<Answer>,
  answer: z.input<Answer>,
): Promise<z.input<Answer>> {
  const { draining: _d, maintenanceUntilMs: _m, ...rest } = member.row;
  const before = member.row;
  const { draining, maintenanceUntilMs } = care;
  member.row = {
    ...rest,
    ...(draining ? { draining: true } : {}),
    ...(maintenanceUntilMs === null ? {} : { maintenanceUntilMs }),
  };
  const { seederId } = rest;
  const { by } = asked;
  try {
    await once(core, asked, async (tx) => {
      await commitOperation(tx, stampOf(core), { kind: "care-seeder", seederId, ...care, by });
      return answer;
    });
  } catch (error) {
    member.row = before;
    throw error;
  }
  core.healing.lookAtAll();
  return answer;
}

/** Until when the absence is excused; null when it is not. Throws `seeder-unknown`. */
export async function maintenance(
  core: CareNeeds,
  { seederId, forMs }: z.output<typeof MaintenanceRequest>,
  asked: Asked<typeof MaintenanceReply>,
): Promise<z.input<typeof MaintenanceReply>> {
  const before = await answeredBefore(core, asked);
  if (before !== undefined) return before;
  const member = memberOf(core, seederId);
  const untilMs = forMs === null ? null : core.now() + forMs;
  const draining = member.row.draining === true;
  const care = { draining, maintenanceUntilMs: untilMs };
  return await change(core, member, care, asked, { untilMs });
}

/** @throws Fault `seeder-unknown`, `too-few-seeders` when the others cannot take what it holds */
export async function drain(
  core: CareNeeds,
  { seederId, cancel }: z.output<typeof DrainRequest>,
  asked: Asked<typeof DrainReply>,
): Promise<z.input<typeof DrainReply>> {
  const before = await answeredBefore(core, asked);
  if (before !== undefined) return before;
  const member = memberOf(core, seederId);
  if (!cancel) await checkRoom(core, member);
  const maintenanceUntilMs = member.row.maintenanceUntilMs ?? null;
  const draining = !cancel;
  return await change(core, member, { draining, maintenanceUntilMs }, asked, { draining });
}

function mib(bytes: number): string {
  return `${Math.ceil(bytes / (1024 * 1024))} MiB`;
}

const lookedAtOnce = 4_096;
/** A request looks at no more chunks than this; what it does not see is told in the status. */
const lookedAtMost = 50 * lookedAtOnce;

/** Chunks on this seeder of which more copies are wanted than `places`, and how many copies. */
async function beyond(core: CareNeeds, seederId: SeederId, places: number) {
  let chunks = 0, copies = 0, looked = 0;
  let after: string | undefined;
  do {
    const page = await core.catalog.read(async (view) => {
      const held = await view.holdingsOf(seederId, after, lookedAtOnce);
      const wanted = await view.wanted(held.map(({ chunkId }) => chunkId));
      return { held, wanted };
    });
    for (const most of page.wanted.values()) {
      if (most > places) chunks++;
      copies = Math.max(copies, most);
    }
    after = page.held.length < lookedAtOnce ? undefined : page.held.at(-1)?.chunkId;
    looked += page.held.length;
  } while (after !== undefined && looked < lookedAtMost);
  return { chunks, copies };
}

/** The smallest fix stands in the refusal. */
async function checkRoom(core: CareNeeds, member: Member): Promise<void> {
  const { seederId, name } = member.row;
  const others = core.members.view(core.now()).seeders.filter((seeder) =>
    seeder.seederId !== seederId && isLive(seeder.state) && seeder.writable &&
    seeder.leaving !== true
  );
  const held = await core.catalog.read((view) => view.holdingsSummary(seederId));
  const { chunks, copies } = await beyond(core, seederId, others.length);
  if (chunks > 0) {
    const lacking = copies - others.length;
    throw new Fault(
      "too-few-seeders",
      `${name} cannot be drained: ${chunks} of its chunks shall have ${copies} copies, and ` +
        `${others.length} other ${others.length === 1 ? "seeder" : "seeders"} can be written to`,
      {
        next: `add ${lacking} more (join-code), or ask for fewer copies of the files there ` +
          `(explain PATH, policy DIRECTORY ${Math.max(1, others.length)})`,
      },
    );
  }
  const freeBytes = others.reduce((sum, seeder) => sum + seeder.freeBytes, 0);
  if (freeBytes < held.usedBytes) {
    throw new Fault(
      "too-few-seeders",
      `${name} cannot be drained: it holds ${mib(held.usedBytes)}, and the others have ` +
        `${mib(freeBytes)} free`,
      { next: `free ${mib(held.usedBytes - freeBytes)}, or add a seeder: join-code` },
    );
  }
}

/**
 * Takes a seeder out of the cluster with all its holdings. How many chunks had their only copy
 * there.
 * @throws Fault `seeder-unknown`, `seeder-live`, `copies-missing` when copies would be lost that
 *   were not given up by the one who asks
 */
export async function forget(
  core: CareNeeds,
  { seederId, acceptLoss }: z.output<typeof ForgetRequest>,
  asked: Asked<typeof ForgetReply>,
): Promise<z.input<typeof ForgetReply>> {
  const before = await answeredBefore(core, asked);
  if (before !== undefined) return before;
  const { by } = asked;
  const member = memberOf(core, seederId);
  const { name } = member.row;
  if (isLive(core.members.stateOf(member, core.now()))) {
    throw new Fault(
      "seeder-live",
      `${name} still reports: only a seeder that is gone is forgotten`,
      {
        next: `drain it, and stop it when that has ended: drain ${name}`,
      },
    );
  }
  const answer = await once(core, asked, async (tx) => {
    const all = core.members.all().map(({ row }) => row.seederId);
    const others = all.filter((id) => id !== seederId);
    const before = await tx.chunksBelow(all);
    const lost = (await tx.chunksBelow(others)).unavailable - before.unavailable;
    if (lost > 0 && !acceptLoss) {
      throw new Fault("copies-missing", `${lost} chunks have their only copy on ${name}`, {
        next: `bring it back, or give them up for good: forget ${name} --force`,
      });
    }
    await commitOperation(tx, stampOf(core), { kind: "forget-seeder", seederId, by });
    return { chunksLost: lost };
  });
  core.members.remove(seederId);
  await core.losses.forget(seederId);
  core.adoptions.forget(seederId);
  core.healing.lookAtAll();
  core.log.warn("seeder forgotten", { seederId, name, ...answer, by });
  return answer;
}

export async function setPace(
  core: CareNeeds,
  pace: Pace,
  asked: Asked<typeof SetPaceReply>,
): Promise<z.input<typeof SetPaceReply>> {
  const before = await answeredBefore(core, asked);
  if (before !== undefined) return before;
  const { by } = asked;
  const answer = await once(core, asked, async (tx) => {
    const operation = { kind: "set-setting", name: paceSetting, value: pace, by } as const;
    await commitOperation(tx, stampOf(core), operation);
    return { pace };
  });
  core.healing.pace = pace;
  return answer;
}
