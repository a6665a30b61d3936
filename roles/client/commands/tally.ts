/**
 * What came of many transfers: told one by one as they fail, and summed up at the end. Shared by
 * `put` and `get`; keeps numbers and no lists, however many files there are.
 */
import { Fault, faultKinds } from "../../../protocol/mod.ts";
import type { CommandContext } from "../command.ts";
import type { Progress } from "../terminal/progress.ts";
import type { FileResult } from "../transfer/transfer.ts";
import type { TransferReport } from "../terminal/transfer_report.ts";
import { shownId } from "../cluster/typed_ids.ts";
import { count, durationText, rateText, sizeText, visible } from "../terminal/wording.ts";

export interface Tally {
  readonly startedMs: number;
  files: number;
  failed: number;
  bytes: number;
  directories: number;
  links: number;
  /** Uploads with fewer copies than their policy asks for. */
  atRisk: number;
  /** Uploads that took the place of a version that was kept. */
  kept: number;
  /** Uploads that took the place of a version for which there was no room. */
  gone: number;
  /** What went over the wire; the rest was there already. */
  bytesMoved: number;
  firstFault: Fault | undefined;
  /** The most recent success, for a summary of one file. */
  only: FileResult | undefined;
  add(context: CommandContext, report: TransferReport, result: FileResult): Promise<void>;
}

export function newTally(startedMs: number): Tally {
  return {
    startedMs,
    files: 0,
    failed: 0,
    bytes: 0,
    directories: 0,
    links: 0,
    atRisk: 0,
    kept: 0,
    gone: 0,
    bytesMoved: 0,
    firstFault: undefined,
    only: undefined,
    async add(context, report, result) {
      report.file(result.fault !== undefined);
      if (result.fault === undefined) {
        this.files += 1;
        this.bytes += result.sizeBytes;
        this.bytesMoved += result.bytesMoved ?? 0;
        this.only = result;
        if (result.kept !== undefined) this.kept += 1;
        if (result.gone?.why === "room") this.gone += 1;
        // An empty file is a name and nothing else: there is nothing to keep copies of.
        const isThin = (result.copies ?? 0) < (result.wanted ?? 0);
        if (isThin && result.sizeBytes > 0) this.atRisk += 1;
        if (context.json) await printResult(context, report, result);
        return;
      }
      if (result.fault.code === "interrupted") throw result.fault;
      this.failed += 1;
      this.firstFault ??= result.fault;
      const fault = named(result.path, result.fault);
      report.above(() => context.report(fault));
      if (context.json) await printResult(context, report, result);
    },
  };
}

/** The fault with the path in front, unless it says it already. */
function named(path: string, fault: Fault): Fault {
  if (fault.message.includes(path)) return fault;
  const detail = `${visible(path)}: ${fault.message}`;
  return new Fault(fault.code, detail, { next: fault.next, cause: fault.cause });
}

async function printResult(
  context: CommandContext,
  report: TransferReport,
  result: FileResult,
): Promise<void> {
  const { fault, ...rest } = result;
  const line = fault === undefined
    ? { ok: true, ...rest }
    : { ok: false, path: result.path, code: fault.code, detail: fault.message, next: fault.next };
  report.above(() => {});
  await context.printJson(line);
}

/**
 * The last line of a transfer. Throws `incomplete` when something of several failed; one thing
 * alone that failed has been told already and decides the exit code itself.
 */
export async function tellTally(
  context: CommandContext,
  tally: Tally,
  state: Progress,
  verb: "sent" | "received",
): Promise<void> {
  const ms = Math.max(1, context.clock.now() - tally.startedMs);
  if (context.json) {
    const { files, failed, bytes, bytesMoved, directories, links } = tally;
    const { atRisk, kept, gone } = tally;
    const common = { done: files, failed, bytes, bytesMoved, directories, links, ms };
    await context.printJson(verb === "sent" ? { ...common, atRisk, kept, gone } : common);
  } else if (tally.files + tally.directories + tally.links > 0) {
    context.note(summary(tally, state, ms, verb));
    if (tally.kept > 0 && context.terminal.errorIsTerminal) context.note(keptText(tally));
  }
  if (tally.gone > 0) {
    const what = tally.files === 1
      ? "the version before is not kept"
      : `${count(tally.gone, "version")} before not kept`;
    context.note(`${what}: those of the last day take all room there is for them; see: df`);
  }
  if (tally.atRisk > 0) {
    context.note(
      `${count(tally.atRisk, "file")} with fewer copies than wanted until seeders are added; ` +
        "see: status",
    );
  }
  const all = tally.files + tally.failed;
  if (tally.failed > 0 && all > 1) {
    throw new Fault("incomplete", `${tally.failed} of ${count(all, "file")} failed`, {
      next: tally.firstFault?.next ?? faultKinds.incomplete.next,
    });
  }
}

/** Of one file by its id, of many by their number: a tree that is sent again is no news. */
function keptText({ kept, files, only }: Tally): string {
  if (files > 1 || only?.kept === undefined) {
    return `${count(kept, "earlier version")} kept; those of a file: versions PATH`;
  }
  return `the version before is kept as ${shownId(only.kept)}: versions ${visible(only.path)}`;
}

function summary(tally: Tally, state: Progress, ms: number, verb: string): string {
  const { files, failed, only } = tally;
  const what = failed > 0
    ? `${files} of ${count(files + failed, "file")}`
    : files === 1 && only !== undefined
    ? visible(only.path)
    : count(files, "file");
  const parts = [
    what,
    ...(tally.directories > 0 ? [count(tally.directories, "directory", "directories")] : []),
    ...(tally.links > 0 ? [count(tally.links, "link")] : []),
    `${sizeText(tally.bytesMoved)} ${verb} in ${durationText(ms)}` +
    // The rate of a small file is that of its questions, not of its bytes.
    (tally.bytesMoved >= 2 ** 20 ? ` (${rateText(tally.bytesMoved * 1000 / ms)})` : ""),
  ];
  const there = tally.bytes - tally.bytesMoved;
  if (there > 0 && there >= tally.bytes / 100) parts.push(`${sizeText(there)} was there already`);
  const seeders = Object.keys(state.seederBytes).length;
  if (seeders > 1) parts.push(`over ${seeders} seeders`);
  if (only?.copies !== undefined && files === 1 && only.sizeBytes > 0) {
    parts.push(count(only.copies, "copy", "copies"));
  }
  return parts.join(", ");
}
