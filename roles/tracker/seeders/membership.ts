/**
 * How a seeder comes, reports and goes. A join is an operation of the log; a heartbeat is not: it
 * only moves what is in memory, and the catalog is written when something changed that must outlive
 * the tracker. A heartbeat never fails because the tracker's own disk is full.
 */
import type * as z from "zod";
import {
  aboutJoin,
  BaseUrl,
  type CodeId,
  codeSecretOf,
  Fault,
  type Heartbeat,
  type HeartbeatReply,
  type InventoryPage,
  type JoinReply,
  type JoinRequest,
  limits,
  type LostChunk,
  sealUnderCode,
  SecretKey,
  type SeederId,
  seederIdOf,
  unsealUnderCode,
} from "../../../protocol/mod.ts";
import { randomHex } from "../../kit/random.ts";
import { claimsOf, useBefore } from "../codes.ts";
import { type Ground, stampOf } from "../ground.ts";
import type { SeederRow } from "../catalog/catalog.ts";
import type { Member, Members } from "./members.ts";
import { commitOperation } from "../log/operations.ts";
import { isMember } from "../log/seeder_operations.ts";
import { type OutcomeNeeds, takeOutcomes } from "./outcomes.ts";

export interface MemberNeeds extends Ground, OutcomeNeeds {
  readonly members: Members;
  readonly holdings: OutcomeNeeds["holdings"] & {
    inventoryWanted(member: Member, nowMs: number): Promise<boolean>;
    takePage(member: Member, page: InventoryPage, nowMs: number): Promise<void>;
  };
  readonly lost: { take(seederId: SeederId, lost: readonly LostChunk[]): Promise<void> };
  readonly scrubs: { askedOf(seederId: SeederId): number | undefined };
}

/**
 * Admits a seeder, or has it wait for a person where its code says so. That it is the same as
 * before it shows with the secret its id was made from: asked again before its first heartbeat it
 * gets the same answer, for its reply may have been lost; one that was forgotten gets a key of
 * another generation.
 * @param peer the address the request came from
 * @throws Fault `code-invalid`, `identity-taken`, `invalid-request`, `forbidden` for a banned one
 */
export async function join(
  core: MemberNeeds,
  input: z.output<typeof JoinRequest>,
  codeId: CodeId,
  peer: string,
): Promise<z.output<typeof JoinReply>> {
  const nowMs = core.now();
  const { clusterKey, clusterId } = core.keys;
  const { seederId, name, text, capacityBytes } = input;
  const claims = claimsOf(core, { codeId, text }, "join");
  const secret = codeSecretOf(clusterKey, codeId);
  const attempt = SecretKey.safeParse(unsealUnderCode(secret, input.sealedAttempt, seederId));
  if (!attempt.success || seederIdOf(attempt.data) !== seederId) {
    throw new Fault("invalid-request", `the id ${seederId} was not made from this attempt`);
  }
  const address = addressOf(input.advertised, peer);
  const zone = input.zone ?? seederId;
  const standing = claims.pending === true ? "pending" : "member";
  const generation = await core.catalog.transaction(async (tx) => {
    const known = (await tx.seeders()).find((row) => row.seederId === seederId);
    const isHere = known !== undefined && known.standing !== "forgotten";
    const generation = isHere
      ? known.generation
      : Math.max(known?.generation ?? 0, input.generation) + 1;
    const who = `${seederId} ${generation}`;
    await useBefore(tx, codeId, claims, who);
    if (isHere) return askedBefore(core, known);
    const use = { codeId, expiresMs: claims.expiresMs, who, atMs: nowMs };
    const joined = { seederId, generation, name, zone, capacityBytes, address, joinedMs: nowMs };
    await commitOperation(tx, stampOf(core), { kind: "join-seeder", standing, ...joined, use });
    return generation;
  });
  core.log.info("seeder joined", { seederId, standing, generation, name, zone, address });
  const about = aboutJoin(clusterId, seederId, generation);
  const key = core.keys.seederKey(seederId, generation);
  const sealedKey = sealUnderCode(secret, randomHex(core.random, 24), about, key);
  return { clusterId, generation, sealedKey };
}

/** The generation it was given. @throws Fault `identity-taken`, `forbidden` */
function askedBefore(core: MemberNeeds, known: SeederRow): number {
  const { seederId, standing, generation, name, address } = known;
  if (standing === "banned") {
    throw new Fault("forbidden", `the seeder ${seederId} was banned from this cluster`, {
      next: `to let it join again, on a client type: forget @${seederId}`,
    });
  }
  const member = core.members.get(seederId) ?? core.members.outsider(seederId);
  const heard = member?.heardMs !== undefined || known.reconciledBootId !== undefined ||
    known.totalBytes > 0;
  if (!heard) return generation;
  throw new Fault(
    "identity-taken",
    `a seeder with the id ${seederId} joined before, as ${name} at ${address}`,
  );
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
  const nowMs = core.now();
  const outsider = core.members.outsider(input.seederId);
  if (outsider !== undefined) return hearOutsider(core, outsider, input, peer, nowMs);
  const member = core.members.here(input.seederId);
  if (member.bootIdsReplaced.has(input.bootId) && isHeardNow(core, member, nowMs)) {
    throw new Fault(
      "identity-taken",
      `another seeder reports with the id ${input.seederId}, from ${member.row.address}`,
    );
  }
  hear(member, input, addressOf(input.advertised, peer), nowMs);
  await takeOutcomes(core, input.seederId, input.outcomes);
  await core.lost.take(input.seederId, input.lost ?? []);
  const wanted = await core.holdings.inventoryWanted(member, nowMs);
  await save(core, member);
  const { authority } = core;
  const permit = authority.order();
  const scrubAskedMs = permit && core.scrubs.askedOf(input.seederId);
  // It may have been forgotten or banned while all this was written down.
  core.members.here(input.seederId);
  return {
    ...clocks(core),
    orders: permit === undefined
      ? []
      : core.orders.take(permit, authority.giveUp(), input.seederId, nowMs),
    inventoryWanted: permit !== undefined && wanted,
    ...(scrubAskedMs === undefined ? {} : { scrubAskedMs }),
  };
}

function clocks(core: MemberNeeds) {
  return {
    clusterId: core.keys.clusterId,
    start: core.start,
    trackerNowMs: core.now(),
    leaseNowMs: core.leases.now(),
    intervalMs: limits.heartbeatIntervalMs,
  };
}

/** One that waits to be accepted: that it is there is remembered, and nothing else. */
function hearOutsider(
  core: MemberNeeds,
  outsider: Member,
  { name, zone, space, advertised }: Heartbeat,
  peer: string,
  nowMs: number,
): HeartbeatReply {
  outsider.heardMs = nowMs;
  Object.assign(outsider, { told: space, toldZone: zone });
  outsider.row = { ...outsider.row, name, address: addressOf(advertised, peer) };
  return { ...clocks(core), orders: [], inventoryWanted: false, pending: true };
}

/**
 * Of two starts that speak under one id the later one is believed, as long as it goes on speaking:
 * it may have been a report of an earlier start that was long on its way.
 */
function isHeardNow(core: MemberNeeds, member: Member, nowMs: number): boolean {
  const silentMs = core.members.judged(nowMs) - (member.heardMs ?? 0);
  return silentMs < limits.yellowAfterMs;
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
  const { chunkCount, inventoryDigest, space, name, writable, zone: toldZone } = input;
  const { trouble, diskGone } = input;
  if (
    member.bootId !== input.bootId || member.chunkCount !== chunkCount ||
    member.inventoryDigest !== inventoryDigest
  ) member.inventorySinceMs = nowMs;
  Object.assign(member, { chunkCount, inventoryDigest, told: space, toldZone, writable });
  Object.assign(member, { trouble, diskGone });
  member.bootId = input.bootId;
  member.receiptsFloorMs = input.receiptsFloorMs ?? -Infinity;
  if (diskGone === undefined) member.heardMs = nowMs;
  const { row } = member;
  const changed = row.name !== name || row.address !== address || row.away ||
    row.totalBytes !== space.totalBytes ||
    Math.abs(row.freeBytes - space.freeBytes) > space.totalBytes * spaceChangeShare;
  if (!changed) return;
  member.row = { ...row, ...space, name, address, away: false };
  member.unsaved = true;
}

/**
 * Writes down what a member reported, if that changed, and nothing else of its row: what the log
 * says of it, also since this report came, is not a heartbeat's to write. A disk that refuses is
 * told and tried again later.
 */
async function save(core: MemberNeeds, member: Member): Promise<void> {
  if (!member.unsaved) return;
  try {
    await core.catalog.transaction(async (tx) => {
      member.unsaved = false;
      const { seederId, generation, name, address, away, reconciledBootId } = member.row;
      const { totalBytes, freeBytes, usedBytes } = member.row;
      const kept = (await tx.seeders()).find((row) => row.seederId === seederId);
      if (kept === undefined || !isMember(kept) || kept.generation !== generation) return;
      const { reconciledBootId: _, ...rest } = kept;
      await tx.putSeeder({
        ...rest,
        ...{ name, address, away, totalBytes, freeBytes, usedBytes },
        ...(reconciledBootId === undefined ? {} : { reconciledBootId }),
      });
    });
  } catch (fault) {
    member.unsaved = true;
    core.log.warn("seeder row not saved", { seederId: member.row.seederId, fault });
  }
}

/** Throws `seeder-unknown` or `invalid-request`. */
export async function takeInventory(core: MemberNeeds, page: InventoryPage): Promise<void> {
  await core.holdings.takePage(core.members.here(page.seederId), page, core.now());
}

/** The seeder stops on purpose: it is away until its next heartbeat. Throws `seeder-unknown`. */
export async function signOut(core: MemberNeeds, seederId: SeederId): Promise<void> {
  const member = core.members.here(seederId);
  member.row = { ...member.row, ...member.told, away: true };
  member.unsaved = true;
  await save(core, member);
}
