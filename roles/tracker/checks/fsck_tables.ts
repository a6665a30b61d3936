/**
 * The live tables against what the log says when it is done again (`follower.ts`), page by page:
 * each page is read from the live catalog at one operation, and the follower is brought to exactly
 * that operation before its page is read. Also compared are the sums that are kept beside the rows,
 * and for every chunk a manifest names how often it is named and how many copies are wanted, for on
 * these it depends what is repaired and what is dropped.
 */
import type { ChunkId, FsckFinding, FsckReply, LogPosition } from "../../../protocol/mod.ts";
import type { CatalogView } from "../catalog/catalog.ts";
import type { Ground } from "../ground.ts";
import type { Mending } from "./mending.ts";
import type { Archive } from "../snapshots/archive.ts";
import { comparePages, type RowDifference, type RowKey } from "../plan/compare.ts";
import { keyOf, pageOf, type TableName, tableNames } from "../snapshots/snapshot_rows.ts";

const rowsPerPage = 500;
/** How long one question may wait for the log to be done again. */
const waitMs = 2_000;
const busyMs = 500;
const findingsPerPage = 20;
const shownCharacters = 160;

export type Checked = FsckReply["checked"];
export const nothingChecked: Checked = {
  ...{ operations: 0, rows: 0, versions: 0, chunks: 0, holdings: 0, seeders: 0 },
};

/** Works under way in the background, so that a page may end before they do. */
const following = new WeakMap<Archive, Promise<unknown>>();

export interface TableNeeds extends Pick<Ground, "catalog" | "sleep"> {
  readonly mending: Mending;
  readonly shipping: { readonly head: LogPosition };
}

/** Has the log done again in the background; a page that says how far it is. */
export async function followPage(core: TableNeeds, archive: Archive): Promise<FsckReply> {
  const { follower } = archive;
  const work = following.get(archive) ?? follower.use(({ advance }) => advance());
  following.set(archive, work);
  const waited = new AbortController();
  try {
    const late = core.sleep(waitMs, waited.signal).then(() => "late", () => "late");
    const outcome = await Promise.race([work.then(() => "done"), late]);
    if (outcome === "late") {
      const doing =
        `operation ${follower.sequence} of ${core.shipping.head.sequence} is done again`;
      return { checked: nothingChecked, findings: [], doing, next: { following: true } };
    }
    following.delete(archive);
    return { checked: nothingChecked, findings: [], next: { table: tableNames[0] ?? "" } };
  } catch (fault) {
    following.delete(archive);
    // Without what the log says there is nothing to compare with; the rest is looked at still.
    const what = `the log cannot be done again: ${fault instanceof Error ? fault.message : fault}`;
    const next = "stop this tracker, move its folder away, and start it with --rebuild";
    const finding: FsckFinding = { where: "log", what, next, repaired: false };
    return { checked: nothingChecked, findings: [finding], next: {} };
  } finally {
    waited.abort();
  }
}

/** One page of one table. */
export async function tablePage(
  core: TableNeeds,
  archive: Archive,
  table: string,
  after: RowKey | undefined,
  repair: boolean,
): Promise<FsckReply> {
  const name = tableNames.find((each) => each === table);
  if (name === undefined) return { checked: nothingChecked, findings: [], next: {} };
  if (archive.follower.isBusy) {
    await core.sleep(busyMs);
    const doing = "a snapshot is made or another check goes on: this one waits";
    if (archive.follower.isBusy) {
      const same = after === undefined ? { table: name } : { table: name, after: [...after] };
      return { checked: nothingChecked, findings: [], doing, next: same };
    }
  }
  const { upTo, rows, whats } = await archive.follower.use(async ({ catalog, advance }) => {
    const live = await core.catalog.read(async (view) => ({
      sequence: (await view.logHead())?.sequence ?? 0,
      ...await looked(view, name, after),
    }));
    await advance(live.sequence);
    const said = await catalog.read((view) => looked(view, name, after));
    const comparison = comparePages(live.page, said.page, (row) => keyOf(name, row));
    const { differences, upTo, rows } = comparison;
    const whats = differences.flatMap((difference) => worded(name, difference));
    if (differences.length > 0 || live.beside === said.beside) return { upTo, rows, whats };
    return { upTo, rows, whats: [`the sums beside table ${name} are not those of its rows`] };
  });
  const repairs = repair && core.mending.isPossible;
  if (whats.length > 0 && repairs) core.mending.ask();
  const findings = whats.slice(0, findingsPerPage).map((what): FsckFinding => ({
    where: "tables",
    what,
    next: repairs
      ? "the tables are built anew from the log in a moment; type fsck again after that"
      : "type fsck --repair: the tables are then built anew from the log",
    repaired: repairs,
  }));
  if (whats.length > findings.length) {
    const what = `${whats.length - findings.length} more rows of table ${name} differ here`;
    findings.push({ where: "tables", what, next: "type fsck --repair", repaired: repairs });
  }
  return {
    checked: { ...nothingChecked, rows },
    findings,
    next: upTo === undefined ? afterTable(name) : { table: name, after: [...upTo] },
  };
}

function afterTable(name: TableName): NonNullable<FsckReply["next"]> {
  const next = tableNames[tableNames.indexOf(name) + 1];
  return next === undefined ? {} : { table: next };
}

/** Rows of a table as the log decides them, and what is kept beside them, as text. */
async function looked(
  view: CatalogView,
  name: TableName,
  after: RowKey | undefined,
): Promise<{ page: unknown[]; beside: string }> {
  const page = (await pageOf(view, name, after, rowsPerPage)).map((row) => logged(name, row));
  if (name === "counters" && after === undefined) {
    const sums = [await view.totals(), await view.trashSums(), await view.oldVersionSums()];
    return { page, beside: JSON.stringify(sums) };
  }
  if (name !== "manifest") return { page, beside: "" };
  const rows = page as { chunks: { chunkId: ChunkId }[] }[];
  const chunkIds = rows.flatMap(({ chunks }) => chunks.map(({ chunkId }) => chunkId));
  const uses = await view.chunkUses(chunkIds);
  return { page, beside: uses.map(({ named, wanted }) => `${named} ${wanted}`).join() };
}

/** Without what a seeder says of itself in its heartbeats: the log has only what it joined with. */
function logged(name: TableName, row: unknown): unknown {
  if (name !== "seeder") return row;
  return { ...row as Record<string, unknown>, name: "", address: "" };
}

function worded(name: TableName, { live, said }: RowDifference): string[] {
  // A pace set by an older program is not in the log.
  if (name === "setting" && said === undefined) return [];
  if (live === undefined) return [`table ${name} lacks ${shown(said)}`];
  if (said === undefined) {
    return [`table ${name} has ${shown(live)}, of which the log says nothing`];
  }
  return [`table ${name} has ${shown(live)}; the log says ${shown(said)}`];
}

function shown(row: unknown): string {
  const text = JSON.stringify(row);
  return text.length <= shownCharacters ? text : `${text.slice(0, shownCharacters)}…`;
}
