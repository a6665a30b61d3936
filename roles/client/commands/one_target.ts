/**
 * Several sources into one directory: no two of them may become one name, for the second would take
 * the place of the first, which then is nowhere. Looked at before anything is moved.
 */
import { Fault } from "../../../protocol/mod.ts";
import { visible } from "../terminal/wording.ts";

/** @throws Fault `usage` that names both sources */
export function refuseOneTarget(pairs: readonly { from: string; to: string }[]): void {
  const sources = new Map<string, string>();
  for (const { from, to } of pairs) {
    const other = sources.get(to);
    if (other !== undefined) {
      throw new Fault(
        "usage",
        `${visible(other)} and ${visible(from)} would both become ${visible(to)}: nothing was done`,
        { next: "take them one by one, each under a name of its own" },
      );
    }
    sources.set(to, from);
  }
}
