/**
 * What each seeder told of the files on its disk, in memory until it tells again, and how many of
 * them were adopted, counted when somebody asks.
 */
import {
  type Adopted,
  type AdoptedReply,
  type AdoptedRequest,
  type AdoptReport,
  limits,
  RemotePath,
  type SeederId,
} from "../../../protocol/mod.ts";
import type * as z from "zod";
import type { CatalogView } from "../catalog/catalog.ts";
import type { Ground } from "../ground.ts";
import type { Members } from "./members.ts";

interface Sums {
  files: number;
  clashes: number;
  readonly atMs: number;
  isOld: boolean;
}

/** Beyond this many a count takes its time, and lives so long. */
const countedAtOnceMax = 10_000;
const countLifeMs = 5_000;

export class Adoptions {
  readonly #reports = new Map<SeederId, AdoptReport>();
  readonly #sums = new Map<SeederId, Sums>();

  hear(seederId: SeederId, report: AdoptReport): void {
    this.#reports.set(seederId, report);
  }

  /** About what it holds in people's files: what is there twice is counted twice. */
  bytesInPlace(seederId: SeederId): number {
    return this.#reports.get(seederId)?.bytesIndexed ?? 0;
  }

  /** Files of it were adopted: they are counted anew, many not at each look. */
  changed(seederId: SeederId): void {
    const sums = this.#sums.get(seederId);
    if (sums !== undefined) sums.isOld = true;
  }

  forget(seederId: SeederId): void {
    this.#reports.delete(seederId);
    this.#sums.delete(seederId);
  }

  async of(
    view: CatalogView,
    seederId: SeederId,
    nowMs: number,
  ): Promise<z.output<typeof Adopted>> {
    let sums = this.#sums.get(seederId);
    const many = (sums?.files ?? 0) > countedAtOnceMax;
    if (sums === undefined || (sums.isOld && (!many || nowMs - sums.atMs > countLifeMs))) {
      // What comes while it is counted makes the count old.
      sums = { files: 0, clashes: 0, atMs: nowMs, isOld: false };
      this.#sums.set(seederId, sums);
      Object.assign(sums, await view.adoptionSums(seederId));
    }
    const { files, clashes } = sums;
    const report = this.#reports.get(seederId);
    return { files, clashes, ...(report === undefined ? {} : { report }) };
  }
}

/** What the seeders found, and the names that clashed. */
export function adopted(
  core: Pick<Ground, "catalog" | "now"> & {
    readonly members: Members;
    readonly adoptions: Adoptions;
  },
  input: z.output<typeof AdoptedRequest>,
): Promise<z.input<typeof AdoptedReply>> {
  const { seederId, after } = input;
  const limit = input.limit ?? limits.listPageEntriesMax;
  const members = core.members.all().filter(({ row }) =>
    seederId === undefined || row.seederId === seederId
  ).sort((a, b) => a.row.name < b.row.name ? -1 : 1);
  return core.catalog.read(async (view) => {
    const rows = await view.clashes(seederId, after, limit + 1);
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    const seeders = [];
    for (const { row } of members) {
      const told = await core.adoptions.of(view, row.seederId, core.now());
      seeders.push({ seederId: row.seederId, name: row.name, ...told });
    }
    return {
      seeders,
      clashes: page.map(({ seederId, source, path, adoptedMs }) => ({
        seederId,
        source: RemotePath.parse(source),
        path: RemotePath.parse(path),
        adoptedMs,
      })),
      ...(rows.length > limit && last !== undefined
        ? { next: { seederId: last.seederId, source: RemotePath.parse(last.source) } }
        : {}),
    };
  });
}
