/**
 * What the loss of seeders would mean, asked page by page: first the chunks they hold, seeder after
 * seeder, then every version by its worst chunk. Each page is one short reading, so that a question
 * about a large cluster holds nobody up; changes between pages make the sums that much less exact.
 */
import type * as z from "zod";
import {
  Fault,
  limits,
  type LossTally,
  type RemotePath,
  type SeederId,
  type WhatIfReply,
  type WhatIfRequest,
} from "../../../protocol/mod.ts";
import type { CatalogView } from "../catalog/catalog.ts";
import type { Ground } from "../ground.ts";
import type { Members } from "../seeders/members.ts";
import { assumedSpeed, effectOn, noLoss, withChunk, withFile } from "../plan/loss.ts";
import { pathOfNode } from "../files/walk.ts";

type Input = z.output<typeof WhatIfRequest>;
type Page = Pick<WhatIfReply, "tally" | "examples" | "next">;

/** Versions are looked at until so many of their chunks have been. */
const chunksPerPage = 20_000;
const versionsPerPage = 500;
const examplesMax = 20;

type WhatIfNeeds = Pick<Ground, "catalog" | "now"> & { readonly members: Members };

/** @throws Fault `seeder-unknown` */
export async function whatIf(core: WhatIfNeeds, input: Input): Promise<WhatIfReply> {
  const nowMs = core.now();
  const lost = new Set(input.lose);
  const stranger = input.lose.find((seederId) => core.members.get(seederId) === undefined);
  if (stranger !== undefined) {
    throw new Fault("seeder-unknown", `no seeder with the id ${stranger} has joined`);
  }
  const live = core.members.live(nowMs);
  const left = live.filter((seederId) => !lost.has(seederId));
  const sides = { order: [...lost], live, left };
  return await core.catalog.read(async (view) => {
    const cursor = input.cursor ?? { seeder: 0 };
    const page = "seeder" in cursor
      ? await chunkPage(view, sides, cursor.seeder, cursor.after)
      : await versionPage(view, sides, cursor.afterVersion);
    return { ...page, left: whatIsLeft(core, left) };
  });
}

interface Sides {
  /** Those to lose, in the order in which their chunks are looked at. */
  readonly order: readonly SeederId[];
  readonly live: readonly SeederId[];
  readonly left: readonly SeederId[];
}

async function chunkPage(
  view: CatalogView,
  { order, live, left }: Sides,
  index: number,
  after: Extract<NonNullable<Input["cursor"]>, { seeder: number }>["after"],
): Promise<Page> {
  const seederId = order[index];
  if (seederId === undefined) return { tally: noLoss, examples: [], next: {} };
  const entries = await view.holdingsOf(seederId, after, limits.inventoryPageChunksMax);
  const chunkIds = entries.map(({ chunkId }) => chunkId);
  const holders = await view.holders(chunkIds);
  const wanted = await view.wanted(chunkIds);
  const alive = new Set(live), kept = new Set(left);
  const earlier = new Set(order.slice(0, index));
  let tally: LossTally = noLoss;
  for (const { chunkId, sizeBytes } of entries) {
    const copies = wanted.get(chunkId);
    const holding = holders.get(chunkId) ?? [];
    // Held by several of those to lose, a chunk counts with the first of them.
    if (copies === undefined || holding.some((holder) => earlier.has(holder))) continue;
    tally = withChunk(tally, {
      sizeBytes,
      wanted: copies,
      before: holding.filter((holder) => alive.has(holder)).length,
      after: holding.filter((holder) => kept.has(holder)).length,
    });
  }
  const last = chunkIds.at(-1);
  const more = entries.length === limits.inventoryPageChunksMax && last !== undefined;
  return {
    tally,
    examples: [],
    next: more ? { seeder: index, after: last } : { seeder: index + 1 },
  };
}

async function versionPage(
  view: CatalogView,
  { live, left }: Sides,
  after: Extract<NonNullable<Input["cursor"]>, { afterVersion?: unknown }>["afterVersion"],
): Promise<Page> {
  const versions = await view.versionsAfter(after, versionsPerPage);
  const examples = { unreadable: [] as RemotePath[], "one-copy": [] as RemotePath[] };
  let tally: LossTally = noLoss;
  let chunks = 0, last = after;
  for (const version of versions) {
    if (chunks > chunksPerPage) break;
    chunks += version.chunkCount;
    last = version.versionId;
    const before = await view.copiesLeast(version.versionId, live) ?? 0;
    const effect = effectOn(before, await view.copiesLeast(version.versionId, left) ?? 0);
    tally = withFile(tally, effect);
    if (effect !== "unreadable" && effect !== "one-copy") continue;
    const node = await view.node(version.nodeId);
    if (node !== undefined && examples[effect].length < examplesMax) {
      examples[effect].push(await pathOfNode(view, node));
    }
  }
  const more = last !== versions.at(-1)?.versionId || versions.length === versionsPerPage;
  return {
    tally,
    // None of those that could not be read is crowded out by the others.
    examples: [
      ...examples.unreadable.map((path) => ({ path, effect: "unreadable" as const })),
      ...examples["one-copy"].map((path) => ({ path, effect: "one-copy" as const })),
    ].slice(0, examplesMax),
    ...(more && last !== undefined ? { next: { afterVersion: last } } : {}),
  };
}

function whatIsLeft(core: WhatIfNeeds, left: readonly SeederId[]): WhatIfReply["left"] {
  const able = left.flatMap((seederId) => core.members.get(seederId) ?? [])
    .filter((member) => member.writable);
  return {
    seeders: left.length,
    freeBytes: able.reduce((sum, member) => sum + member.space.freeBytes, 0),
    bytesPerSecond: assumedSpeed(able.length),
    measured: false,
  };
}
