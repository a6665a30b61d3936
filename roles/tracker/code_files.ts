/**
 * The files that a tracker keeps its codes in, and `offshore codes`, which prints them on the
 * tracker's machine to whoever may read its disk. Which codes there are, and when they are made
 * anew, is not known here.
 */
import * as z from "zod";
import { Fault } from "../../protocol/mod.ts";
import type { CommandRun, CommandSpec } from "../kit/command_line.ts";
import { type Disk, readWhole } from "../kit/disk.ts";

export const keptCodes = ["join", "login", "recovery"] as const;
type Kept = typeof keptCodes[number];

const meant: Readonly<Record<Kept, string>> = {
  join: "for a seeder that joins",
  login: "for a person who logs in",
  recovery: "for the day this disk is lost",
};

export function codesDirectory(disk: string): string {
  return `${disk.replace(/\/+$/, "")}/.offshore/tracker/codes`;
}

/**
 * Takes join and login codes of an earlier time away, here and in the further files they are kept
 * in: they tell an earlier address, and some were used since. Whoever waits for one is to wait for
 * those that the tracker writes once it is whole.
 */
export async function removeCodes(
  disk: Disk,
  trackerDisk: string,
  further: readonly (string | undefined)[],
): Promise<void> {
  const own = ["join", "login"].map((name) => `${codesDirectory(trackerDisk)}/${name}`);
  for (const path of [...own, ...further]) {
    if (path !== undefined && await disk.stat(path) !== undefined) await disk.remove(path);
  }
}

export const codesSpec: CommandSpec = {
  name: "offshore codes",
  summary: "Print the codes that the tracker on this machine keeps: on its disk and nowhere else.",
  details: "A join or a login code serves once and is made anew after that.",
  arguments: [{ name: "which", summary: `only this one: ${keptCodes.join(", ")}`, optional: true }],
  options: [{
    name: "disk",
    value: "path",
    summary: "the tracker's folder",
    environment: true,
    default: "/disk",
  }],
  examples: ["offshore codes", "offshore codes join --disk /srv/offshore"],
};

const Which = z.enum(keptCodes).optional();

/**
 * The lines to print: the one that was asked for alone, so that it can be piped on; else each with
 * what it is for. @throws Fault `usage`, `no-credentials` where there is none
 */
export async function codeLines(disk: Disk, run: CommandRun): Promise<string[]> {
  const which = Which.safeParse(run.word("which"));
  if (!which.success) {
    throw new Fault("usage", "there is no such code", {
      next: `type one of: ${keptCodes.join(", ")}`,
    });
  }
  const directory = codesDirectory(run.text("disk") ?? "/disk");
  const lines: string[] = [];
  for (const name of which.data === undefined ? keptCodes : [which.data]) {
    const bytes = await readWhole(disk, `${directory}/${name}`);
    const code = bytes === undefined ? "" : new TextDecoder().decode(bytes).trim();
    if (code === "") continue;
    lines.push(which.data === undefined ? `${name}, ${meant[name]}: ${code}` : code);
  }
  if (lines.length > 0) return lines;
  throw new Fault("no-credentials", `no codes are kept in ${directory}`, {
    next: "start a tracker on this disk, or name the tracker's folder: --disk PATH",
  });
}
