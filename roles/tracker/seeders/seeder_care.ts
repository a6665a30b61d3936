/**
 * What an administrator may say about the copies on seeders: announce an absence, drain, set the
 * pace. Each is one operation or one setting; carrying it out is healing's work. Who is a member at
 * all is decided in `admission.ts`.
 */
import type * as z from "zod";
import {
  type DrainReply,
  type DrainRequest,
  Fault,
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

export interface CareNeeds extends Pick<Ground, "catalog" | "authority" | "start" | "now"> {
  readonly members: Members;
  readonly healing: { pace: Pace; lookAtAll(): void };
}

export const paceSetting = "healing-pace";

export function memberOf(core: Pick<CareNeeds, "members">, seederId: SeederId): Member {
  const member = core.members.get(seederId);
  if (member !== undefined) return member;
  throw new Fault("seeder-unknown", `no seeder with the id ${seederId} has joined this cluster`, {
    next: "list them: seeders",
  });
}

async function change<Answer extends z.ZodType>(
  core: CareNeeds,
  seederId: SeederId,
  care: { draining: boolean; maintenanceUntilMs: number | null },
  asked: Asked<Answer>,
  answer: z.input<Answer>,
): Promise<z.input<Answer>> {
  const { by } = asked;
  await once(core, asked, async (tx) => {
    await commitOperation(tx, stampOf(core), { kind: "care-seeder", seederId, ...care, by });
    return answer;
  });
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
  const care = { draining: member.isLeaving, maintenanceUntilMs: untilMs };
  return await change(core, seederId, care, asked, { untilMs });
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
  return await change(core, seederId, { draining, maintenanceUntilMs }, asked, { draining });
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
