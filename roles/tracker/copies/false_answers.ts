/**
 * Seeders that said of a chunk that they hold it, and did not have its bytes. One such answer is no
 * accident of a disk: a seeder reads the chunk before it answers. So it is told to people, nothing
 * more is stored there, and what it claims counts no more; its copies that others agree with go on
 * counting. Kept as one setting a seeder, so that a restart of the tracker forgets none.
 */
import { type ChunkEntry, FalseAnswers, type SeederId } from "../../../protocol/mod.ts";
import type { CatalogView } from "../catalog/catalog.ts";
import type { Ground } from "../ground.ts";
import type { DropNeeds } from "./drops.ts";
import type { Members } from "../seeders/members.ts";

export interface FalseNeeds
  extends Pick<Ground, "log">, Pick<DropNeeds, "catalog" | "now" | "losses"> {
  readonly members: Members;
  readonly holdings: { doubt(seederId: SeederId): void };
}

const settingOf = (seederId: SeederId) => `false-answers ${seederId}`;

/** What the tracker before knew. */
export async function rememberFalseAnswers(view: CatalogView, members: Members): Promise<void> {
  for (const member of members.all()) {
    const text = await view.setting(settingOf(member.row.seederId));
    if (text === undefined) continue;
    const parsed = FalseAnswers.safeParse(JSON.parse(text));
    if (parsed.success) member.falseAnswers = parsed.data;
  }
}

/** Takes the holdings away that these seeders do not have. */
export async function takeAwayFalse(
  core: FalseNeeds,
  { chunkId, sizeBytes }: ChunkEntry,
  seederIds: readonly SeederId[],
): Promise<void> {
  const told = seederIds.flatMap((seederId) => {
    const member = core.members.get(seederId);
    const chunks = (member?.falseAnswers?.chunks ?? 0) + 1;
    return member === undefined ? [] : [{ member, answers: { chunks, lastMs: core.now() } }];
  });
  await core.catalog.transaction(async (tx) => {
    for (const { member: { row: { seederId } }, answers } of told) {
      await tx.removeHoldings(seederId, [chunkId]);
      await tx.putSetting(settingOf(seederId), JSON.stringify(answers));
    }
  });
  // There was nothing to lose: however many go, no brake is for this.
  const why = "it was never there";
  const chunk = { chunkId, sizeBytes };
  core.losses.dropped(told.map(({ member }) => ({ seederId: member.row.seederId, chunk, why })));
  for (const { member, answers } of told) {
    member.falseAnswers = answers;
    core.holdings.doubt(member.row.seederId);
    const { name } = member.row;
    core.log.error("a seeder answered for a chunk that it does not have", { name, chunkId });
  }
}
