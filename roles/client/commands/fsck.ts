/** `fsck`: whether log, tables and disks agree. */
import { Fault, type FsckFinding, type FsckReply } from "../../../protocol/mod.ts";
import type { Command } from "../command.ts";
import { count, visible } from "../wording.ts";

/** Told one by one; more are counted. */
const findingsMax = 100;

export const fsck: Command = {
  spec: {
    name: "fsck",
    group: "Cluster",
    summary: "Check the catalog against itself and against what the seeders hold.",
    details:
      "The chain of checksums over the log, every file's manifest and name, and what each\n" +
      "seeder reports against what the tracker has listed. Bytes on the disks are read by scrub.",
    options: [{ name: "repair", summary: "ask seeders again where disks and tables differ" }],
    examples: ["fsck", "fsck --repair"],
  },
  completes: ["nothing"],
  run: async (context) => {
    const { session } = await context.access();
    const options = { signal: context.signal };
    const repair = context.run.isSet("repair");
    const findings: FsckFinding[] = [];
    const checked = { operations: 0, versions: 0, chunks: 0, seeders: 0 };
    let found = 0, open = 0;
    let cursor: FsckReply["next"] | undefined;
    do {
      const request = cursor === undefined ? { repair } : { repair, cursor };
      const page = await session.tracker.fsck(request, options);
      for (const name of ["operations", "versions", "chunks", "seeders"] as const) {
        checked[name] += page.checked[name];
      }
      found += page.findings.length;
      open += page.findings.filter(({ repaired }) => !repaired).length;
      findings.push(...page.findings.slice(0, findingsMax - findings.length));
      cursor = page.next;
    } while (cursor !== undefined);
    if (context.json) {
      await context.printJson({ healthy: found === 0, found, open, checked, findings });
    } else {
      await context.print([
        ...findings.flatMap(({ where, what, next }) => [
          `! ${where}: ${visible(what)}`,
          `    next: ${visible(next)}`,
        ]),
        ...found > findings.length ? [`and ${found - findings.length} more`] : [],
        `${count(checked.operations, "operation")} of the log, ` +
        `${count(checked.versions, "file version")} with ${count(checked.chunks, "chunk")}, ` +
        `${count(checked.seeders, "seeder")} checked: ` +
        (found === 0 ? "all agree." : `${count(found, "finding")}.`),
      ]);
    }
    if (open === 0) return;
    throw new Fault("incomplete", `fsck: ${count(open, "finding")} not mended`, {
      next: findings.find(({ repaired }) => !repaired)?.next ?? "type fsck again",
    });
  },
};
