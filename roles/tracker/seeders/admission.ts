/**
 * What a person decides about who is a member: accept one that waits, or more of a member's disk;
 * forget one that is gone; ban one that is hostile. Each is one operation of the log, and what is
 * in memory follows from that (`members.ts`).
 */
import type * as z from "zod";
import {
  type AcceptReply,
  type AcceptRequest,
  Fault,
  type ForgetReply,
  type ForgetRequest,
  type SeederId,
} from "../../../protocol/mod.ts";
import { answeredBefore, type Asked, once } from "../asked.ts";
import type { CatalogView } from "../catalog/catalog.ts";
import { type Ground, stampOf } from "../ground.ts";
import { commitGivingUp, commitOperation } from "../log/operations.ts";
import { isLive } from "../plan/view.ts";
import type { Member, Members } from "./members.ts";
import { memberOf } from "./seeder_care.ts";

export interface AdmissionNeeds
  extends Pick<Ground, "catalog" | "authority" | "start" | "now" | "log"> {
  readonly members: Members;
  readonly healing: { lookAtAll(): void };
  readonly losses: { forget(seederId: SeederId): void };
  readonly adoptions: { forget(seederId: SeederId): void };
}

/**
 * Takes a waiting seeder in; of a member, the size and zone that it tells now, or those that are
 * named. @throws Fault `seeder-unknown`, `forbidden` for a banned one
 */
export async function accept(
  core: AdmissionNeeds,
  { seederId, ...wanted }: z.output<typeof AcceptRequest>,
  asked: Asked<typeof AcceptReply>,
): Promise<z.input<typeof AcceptReply>> {
  const done = await answeredBefore(core, asked);
  if (done !== undefined) return done;
  const seeder = core.members.outsider(seederId) ?? memberOf(core, seederId);
  const { row } = seeder;
  if (row.standing === "banned") {
    throw new Fault("forbidden", `${row.name} was banned, and its key is worth nothing any more`, {
      next: `to let it join again with a join code: forget @${seederId}`,
    });
  }
  const zone = wanted.zone ?? seeder.toldZone ?? row.zone;
  // Before its first report to this tracker, what it said when it joined.
  const toldBytes = seeder.told.totalBytes || row.capacityBytes;
  const capacityBytes = wanted.capacityBytes ?? toldBytes;
  const { by } = asked;
  const answer = await once(core, asked, async (tx) => {
    const operation = { kind: "accept-seeder", seederId, zone, capacityBytes, by } as const;
    await commitOperation(tx, stampOf(core), operation);
    const standing = row.standing === "pending" ? "member" : row.standing;
    return { before: acceptedOf(seeder), now: { standing, zone, capacityBytes } };
  });
  core.healing.lookAtAll();
  core.log.info("seeder accepted", { seederId, name: row.name, ...answer, by });
  return answer;
}

function acceptedOf({ row: { standing, zone, capacityBytes } }: Member) {
  return { standing, zone, capacityBytes };
}

/**
 * Takes a seeder out of the cluster with all its holdings. How many chunks had their only copy
 * there. One that was banned is forgotten like any other: it may join again then.
 * @throws Fault `seeder-unknown`, `seeder-live` for one that reports and is not to be banned,
 *   `copies-missing` when copies would be lost that were not given up by the one who asks,
 *   `tracker-proving`, `drops-stopped`
 */
export async function forget(
  core: AdmissionNeeds,
  { seederId, acceptLoss, ban }: z.output<typeof ForgetRequest>,
  asked: Asked<typeof ForgetReply>,
): Promise<z.input<typeof ForgetReply>> {
  const before = await answeredBefore(core, asked);
  if (before !== undefined) return before;
  const { by } = asked;
  const outsider = core.members.outsider(seederId);
  const member = outsider ?? memberOf(core, seederId);
  const { name } = member.row;
  const reports = outsider === undefined && isLive(core.members.stateOf(member, core.now()));
  if (reports && !ban) {
    throw new Fault(
      "seeder-live",
      `${name} still reports: only a seeder that is gone is forgotten`,
      {
        next: `drain it, and stop it when that has ended: drain ${name}; or put a hostile one ` +
          `out at once: forget ${name} --now`,
      },
    );
  }
  const answer = await once(core, asked, async (tx) => {
    const lost = await onlyThere(core, tx, seederId);
    if (lost > 0 && !acceptLoss) {
      const now = ban ? " --now" : "";
      throw new Fault("copies-missing", `${lost} chunks have their only copy on ${name}`, {
        next: `bring it back, or give them up for good: forget ${name}${now} --force`,
      });
    }
    // Whoever is banned is believed nothing: what it says it has is no reason to keep it.
    const unproved = ban ? 0 : await unprovedBeside(core, tx, seederId);
    if (unproved > lost && !acceptLoss) {
      throw new Fault(
        "copies-missing",
        `of ${unproved} chunks on ${name} nothing proves another copy: other seeders only say ` +
          "that they have them",
        {
          next: "wait, they are asked to prove it; or bring it back, or give the chunks up for " +
            `good: forget ${name} --force`,
        },
      );
    }
    const stamp = stampOf(core);
    // A hostile one is put out whoever rules: that gives up no byte of others.
    if (ban) await commitOperation(tx, stamp, { kind: "ban-seeder", seederId, by });
    else {
      const permit = core.authority.demandGiveUp(
        `if it never comes back, put it out: forget ${name} --now`,
      );
      await commitGivingUp(permit, tx, stamp, { kind: "forget-seeder", seederId, by });
    }
    return { chunksLost: lost };
  });
  core.losses.forget(seederId);
  core.adoptions.forget(seederId);
  core.healing.lookAtAll();
  core.log.warn(ban ? "seeder banned" : "seeder forgotten", { seederId, name, ...answer, by });
  return answer;
}

/** Chunks there of which no other copy is proved. */
function unprovedBeside(
  core: AdmissionNeeds,
  view: Pick<CatalogView, "chunksUnproved">,
  seederId: SeederId,
): Promise<number> {
  const all = core.members.all().map(({ row }) => row.seederId);
  return view.chunksUnproved(seederId, all.filter((id) => id !== seederId), 0, 1);
}

async function onlyThere(
  core: AdmissionNeeds,
  view: Pick<CatalogView, "chunksBelow">,
  seederId: SeederId,
): Promise<number> {
  const all = core.members.all().map(({ row }) => row.seederId);
  const others = all.filter((id) => id !== seederId);
  return (await view.chunksBelow(others)).unavailable - (await view.chunksBelow(all)).unavailable;
}
