/**
 * How a seeder comes, reports and goes. A join is an operation of the log; a heartbeat is not: it
 * only moves what is in memory, and the catalog is written when something changed that must outlive
 * the tracker. A heartbeat never fails because the tracker's own disk is full.
 */
import type * as z from "zod";
import {
  BaseUrl,
  checkCode,
  Fault,
  type Heartbeat,
  type HeartbeatReply,
  type InventoryPage,
  type JoinReply,
  type JoinRequest,
  limits,
  type SeederId,
  seederIdOf,
} from "../../../protocol/mod.ts";
import { type Ground, stampOf } from "../ground.ts";
import type { Member, Members } from "./members.ts";
import { commitOperation } from "../log/operations.ts";
import { type OutcomeNeeds, takeOutcomes } from "./outcomes.ts";

export interface MemberNeeds extends Ground, OutcomeNeeds {
  readonly members: Members;
  readonly holdings: OutcomeNeeds["holdings"] & {
    inventoryWanted(member: Member, nowMs: number): Promise<boolean>;
    takePage(member: Member, page: InventoryPage, nowMs: number): Promise<void>;
  };
  readonly scrubs: { askedOf(seederId: SeederId): number | undefined };
}

/**
 * Admits a seeder. Asked again by the same seeder before its first heartbeat, the same answer: its
 * reply may have been lost, or it died before it could write the answer down. That it is the same
 * it shows with the secret its id was made from.
 * @param peer the address the request came from
 * @throws Fault `code-invalid`, `identity-taken`, `invalid-request`
 */
export async function join(
  core: MemberNeeds,
  input: z.output<typeof JoinRequest>,
  peer: string,
): Promise<z.output<typeof JoinReply>> {
  const nowMs = core.now();
  const { clusterKey, clusterId } = core.keys;
  checkCode(clusterKey, input.code, "join", nowMs);
  const { seederId, name, attempt } = input;
  if (attempt !== undefined && seederIdOf(attempt) !== seederId) {
    throw new Fault("invalid-request", `the id ${seederId} was not made from this attempt`);
  }
  const address = addressOf(input.advertised, peer);
  const zone = input.zone ?? seederId;
  await core.catalog.transaction(async (tx) => {
    const known = (await tx.seeders()).find((row) => row.seederId === seederId);
    const heard = core.members.get(seederId)?.heardMs !== undefined ||
      known?.reconciledBootId !== undefined || (known?.totalBytes ?? 0) > 0;
    if (known !== undefined && (heard || attempt === undefined)) {
      throw new Fault(
        "identity-taken",
        `a seeder with the id ${seederId} joined before, as ${known.name} at ${known.address}`,
      );
    }
    const kind = "join-seeder";
    const operation = { kind, seederId, name, zone, address, joinedMs: nowMs } as const;
    await commitOperation(tx, stampOf(core), operation);
  });
  if (core.members.get(seederId)?.heardMs === undefined) {
    const row = { seederId, name, zone, address, joinedMs: nowMs, away: false };
    core.members.put({ ...row, totalBytes: 0, freeBytes: 0, usedBytes: 0 });
  }
  core.log.info("seeder joined", { seederId, name, zone, address });
  return { clusterId, seederKey: core.keys.seederKey(seederId) };
}

/** The URL of a seeder: what it says, or where its request came from. Throws `invalid-request`. */
export function addressOf(
  advertised: { readonly host?: string | undefined; readonly port: number },
  peer: string,
): z.output<typeof BaseUrl> {
  if (advertised.host === undefined && peer === "unknown") {
    throw new Fault("invalid-request", "the address of the request is not known", {
      next: "start the seeder with the host it can be reached at",
    });
  }
  const host = advertised.host ?? peer;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1];
  const bare = mapped ?? host;
  const written = bare.includes(":") && !bare.startsWith("[") ? `[${bare}]` : bare;
  const url = BaseUrl.safeParse(`http://${written}:${advertised.port}`);
  if (url.success) return url.data;
  throw new Fault("invalid-request", `${host} is no host that a seeder could be reached at`);
}

/**
 * Takes a seeder's report and answers with its orders.
 * @throws Fault `seeder-unknown`, `identity-taken` when two seeders speak under one id
 */
export async function heartbeat(
  core: MemberNeeds,
  input: Heartbeat,
  peer: string,
): Promise<HeartbeatReply> {
  const member = memberOf(core, input.seederId);
  const nowMs = core.now();
  if (member.bootIdsReplaced.has(input.bootId) && isHeardNow(core, member, nowMs)) {
    throw new Fault(
      "identity-taken",
      `another seeder reports with the id ${input.seederId}, from ${member.row.address}`,
    );
  }
  hear(member, input, addressOf(input.advertised, peer), nowMs);
  await takeOutcomes(core, input.seederId, input.outcomes);
  const inventoryWanted = await core.holdings.inventoryWanted(member, nowMs);
  await save(core, member);
  const scrubAskedMs = core.scrubs.askedOf(input.seederId);
  return {
    clusterId: core.keys.clusterId,
    epoch: core.epoch,
    trackerNowMs: core.now(),
    leaseNowMs: core.leases.now(),
    intervalMs: limits.heartbeatIntervalMs,
    orders: core.orders.take(input.seederId, nowMs),
    inventoryWanted,
    ...(scrubAskedMs === undefined ? {} : { scrubAskedMs }),
  };
}

/**
 * Of two starts that speak under one id the later one is believed, as long as it goes on speaking:
 * it may have been a report of an earlier start that was long on its way.
 */
function isHeardNow(core: MemberNeeds, member: Member, nowMs: number): boolean {
  const silentMs = core.members.judged(nowMs) - (member.heardMs ?? 0);
  return silentMs < limits.yellowAfterMs;
}

function memberOf(core: MemberNeeds, seederId: SeederId): Member {
  const member = core.members.get(seederId);
  if (member !== undefined) return member;
  throw new Fault("seeder-unknown", `no seeder with the id ${seederId} has joined this cluster`);
}

/**
 * Space is kept roughly: it serves only until the first heartbeat after a restart of the tracker.
 */
const spaceChangeShare = 1 / 64;

function hear(member: Member, input: Heartbeat, address: string, nowMs: number): void {
  if (member.bootId !== undefined && member.bootId !== input.bootId) {
    member.bootIdsReplaced.add(member.bootId);
    member.bootIdsReplaced.delete(input.bootId);
    // What it had when another spoke in its place is to be compared again.
    if (member.row.reconciledBootId === input.bootId) {
      const { reconciledBootId: _, ...row } = member.row;
      member.row = row;
      member.unsaved = true;
    }
  }
  const { chunkCount, inventoryDigest, space, name, writable, trouble } = input;
  if (
    member.bootId !== input.bootId || member.chunkCount !== chunkCount ||
    member.inventoryDigest !== inventoryDigest
  ) member.inventorySinceMs = nowMs;
  Object.assign(member, { chunkCount, inventoryDigest, space, writable, trouble });
  member.bootId = input.bootId;
  member.receiptsFloorMs = input.receiptsFloorMs ?? -Infinity;
  member.heardMs = nowMs;
  const { row } = member;
  const zone = input.zone ?? row.seederId;
  const changed = row.name !== name || row.zone !== zone || row.address !== address || row.away ||
    row.totalBytes !== space.totalBytes ||
    Math.abs(row.freeBytes - space.freeBytes) > space.totalBytes * spaceChangeShare;
  if (!changed) return;
  member.row = { ...row, ...space, name, zone, address, away: false };
  member.unsaved = true;
}

/**
 * Writes the row of a member if it has changed. A disk that refuses is told and tried again later.
 */
async function save(core: MemberNeeds, member: Member): Promise<void> {
  if (!member.unsaved) return;
  try {
    await core.catalog.transaction(async (tx) => {
      member.unsaved = false;
      await tx.putSeeder(member.row);
    });
  } catch (fault) {
    member.unsaved = true;
    core.log.warn("seeder row not saved", { seederId: member.row.seederId, fault });
  }
}

/** Throws `seeder-unknown` or `invalid-request`. */
export async function takeInventory(core: MemberNeeds, page: InventoryPage): Promise<void> {
  await core.holdings.takePage(memberOf(core, page.seederId), page, core.now());
}

/** The seeder stops on purpose: it is away until its next heartbeat. Throws `seeder-unknown`. */
export async function signOut(core: MemberNeeds, seederId: SeederId): Promise<void> {
  const member = memberOf(core, seederId);
  member.row = { ...member.row, ...member.space, away: true };
  member.unsaved = true;
  await save(core, member);
}
