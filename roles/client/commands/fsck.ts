/** `fsck`: whether log, tables and disks agree. */
import { Fault, type FsckFinding, type FsckReply } from "../../../protocol/mod.ts";
import type { Command } from "../command.ts";
import { StatusLine } from "../terminal/status_line.ts";
import { count, visible } from "../terminal/wording.ts";

/** Told one by one; more are counted. */
const findingsMax = 100;

export const fsck: Command = {
  spec: {
    name: "fsck",
    changes: "cluster",
    group: "Cluster",
    summary: "Check the catalog against itself and against what the seeders hold.",
    details: `The chain of checksums over the log; the log done again and every table compared with
what it says; every file's manifest and name; the holdings against their sums; and what each seeder
reports against what the tracker has listed. Everything goes on meanwhile, and nothing is changed.
With --repair tables that differ are built anew from the log, the damaged catalog is kept aside, and
seeders are asked again. Bytes on the disks are read by scrub.`,
    options: [{
      name: "repair",
      summary: "build tables that differ from the log anew, ask seeders again",
    }],
    examples: ["fsck", "fsck --repair"],
  },
  completes: ["nothing"],
  run: async (context) => {
    const { session } = await context.access();
    const options = { signal: context.signal };
    const repair = context.run.isSet("repair");
    const findings: FsckFinding[] = [];
    const unsettled: string[] = [];
    const checked = { ...nothing };
    let found = 0, open = 0;
    let cursor: FsckReply["next"] | undefined;
    const line = new StatusLine(context.terminal);
    do {
      const request = cursor === undefined ? { repair } : { repair, cursor };
      const page = await session.tracker.fsck(request, options);
      for (const name of Object.keys(nothing) as (keyof typeof nothing)[]) {
        checked[name] += page.checked[name];
      }
      found += page.findings.length;
      open += page.findings.filter(({ repaired }) => !repaired).length;
      unsettled.push(...page.unsettled ?? []);
      findings.push(...page.findings.slice(0, findingsMax - findings.length));
      cursor = page.next;
      line.draw(page.doing ?? doing(cursor, checked));
    } while (cursor !== undefined);
    line.erase();
    if (context.json) {
      await context.printJson({ healthy: found === 0, found, open, checked, findings, unsettled });
    } else {
      await context.print([
        ...findings.flatMap(({ where, what, next }) => [
          `! ${where}: ${visible(what)}`,
          `    next: ${visible(next)}`,
        ]),
        ...unsettled.map((name) =>
          `${visible(name)} was passed over: what it holds changed lately and is being settled; ` +
          "type fsck again in a minute"
        ),
        ...found > findings.length ? [`and ${found - findings.length} more`] : [],
        `${count(checked.operations, "operation")} of the log, ` +
        `${count(checked.rows, "row")} against it, ` +
        `${count(checked.versions, "file version")} with ${count(checked.chunks, "chunk")}, ` +
        `${count(checked.holdings, "holding")}, ${count(checked.seeders, "seeder")} checked: ` +
        (found === 0 ? "all agree." : `${count(found, "finding")}.`),
      ]);
    }
    if (open === 0) return;
    throw new Fault("incomplete", `fsck: ${count(open, "finding")} not mended`, {
      next: findings.find(({ repaired }) => !repaired)?.next ?? "type fsck again",
    });
  },
};

const nothing: FsckReply["checked"] = {
  ...{ operations: 0, rows: 0, versions: 0, chunks: 0, holdings: 0, seeders: 0 },
};

function doing(cursor: FsckReply["next"], checked: typeof nothing): string {
  const rows = count(checked.rows, "row"), operations = count(checked.operations, "operation");
  if (cursor === undefined) return "";
  if ("sequence" in cursor) return `${operations} of the log checked`;
  if ("following" in cursor) return "the log is done again";
  if ("table" in cursor) return `${rows} compared, at table ${cursor.table}`;
  if ("holdings" in cursor) return `${count(checked.holdings, "holding")} added up`;
  return `${count(checked.versions, "file version")} checked`;
}
