/**
 * Policies of directories, changed while the world runs: what may be in force where, from what the
 * person who sets them was told, and the deed itself. A directory that is made anew has none, and
 * what has none inherits.
 */
import { type RemotePath, resolvePath, rootPath } from "../../../protocol/mod.ts";
import { randomInt } from "../../../roles/kit/random.ts";
import type { Person } from "./person.ts";

export interface Policy {
  /** Null inherits. */
  readonly copies: number | null;
  readonly versions: number | null;
}

/** What has none of its own. */
const none: Policy = { copies: null, versions: null };

export class Policies {
  readonly #possible = new Map<RemotePath, Policy[]>();
  readonly #versionsLeast = new Map<RemotePath, number>();

  /** @param whole what the root has, for good */
  constructor(private readonly whole: { readonly copies: number; readonly versions: number }) {}

  /** From now on this is what the directory has, or may have. */
  note(directory: RemotePath, policy: Policy, isCertain: boolean): void {
    const before = this.#possible.get(directory) ?? [none];
    this.#possible.set(directory, isCertain ? [policy] : [...before, policy]);
    const least = this.#versionsLeast.get(directory) ?? Infinity;
    this.#versionsLeast.set(directory, Math.min(least, policy.versions ?? Infinity));
  }

  /** The directory may have been removed, and another made in its place. */
  forgotten(directory: RemotePath): void {
    this.note(directory, none, false);
  }

  /** The copies a file may get that is written into this directory now. */
  copiesIn(directory: RemotePath): number[] {
    return this.#in(directory, "copies");
  }

  /** How many earlier versions an overwrite in this directory may leave now. */
  versionsIn(directory: RemotePath): number[] {
    return this.#in(directory, "versions");
  }

  #in(directory: RemotePath, part: keyof Policy): number[] {
    if (directory === rootPath) return [this.whole[part]];
    const above = () => this.#in(resolvePath(directory, ".."), part);
    const here = this.#possible.get(directory) ?? [none];
    return [...new Set(here.flatMap((policy) => policy[part] ?? above()))];
  }

  /** The fewest earlier versions that any overwrite there ever left, as far as may be. */
  versionsLeast(directory: RemotePath): number {
    if (directory === rootPath) return this.whole.versions;
    const above = this.versionsLeast(resolvePath(directory, ".."));
    return Math.min(above, this.#versionsLeast.get(directory) ?? Infinity);
  }
}

/** Which numbers a seed draws from. */
export interface PolicyRange {
  readonly copies: readonly number[];
}

const versionsDrawn = [0, 1, 1, 2, 3, null];

/** A person says how what is written below a directory of theirs is kept from now on. */
export async function changePolicy(person: Person, range: PolicyRange): Promise<void> {
  const { random, belief } = person;
  const name = [".", "d0", "d0", "d1", "d1"][randomInt(random, 0, 4)] ?? ".";
  const directory = resolvePath(person.home, name);
  const drawn = [...range.copies, null];
  const policy = {
    copies: drawn[randomInt(random, 0, drawn.length - 1)] ?? null,
    versions: versionsDrawn[randomInt(random, 0, versionsDrawn.length - 1)] ?? null,
  };
  const versionDays = [30, 365, null][randomInt(random, 0, 2)];
  belief.policies.note(directory, policy, false);
  const outcome = await person.attempt(
    `sets ${directory} to ${policy.copies} copies and ${policy.versions} versions`,
    async ({ tracker }) => {
      await tracker.makeDirectories({ paths: [directory], parents: true });
      return await tracker.setPolicy({ path: directory, ...policy, versionDays });
    },
  );
  if (outcome.kind !== "done") return;
  const { copies, versions } = outcome.value;
  // A request that arrives twice may arrive again after the next.
  const isCertain = person.cluster.world.network.faults.requestsDoubled === 0;
  belief.policies.note(directory, policy, isCertain);
  const fits = belief.policies.copiesIn(directory).includes(copies) &&
    belief.policies.versionsIn(directory).includes(versions);
  if (!fits) person.fail(`${directory} has ${copies} copies and ${versions} versions now`);
}
