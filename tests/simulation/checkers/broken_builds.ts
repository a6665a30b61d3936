/**
 * How a checker is shown to bark: a few seeds are run on a build in which one part is broken, and
 * one of them must say what is expected. What is broken, each test says with the wrappers here.
 */
import assert from "node:assert/strict";
import type { Disk, DiskFile } from "../../../roles/kit/disk.ts";
import type {
  Catalog,
  CatalogTransaction,
  CatalogView,
} from "../../../roles/tracker/catalog/catalog.ts";
import type { Wrappers } from "../machine/cluster.ts";
import { runOptions, type SwarmOptions } from "../swarm.ts";

export const calm: SwarmOptions = {
  seed: 7,
  seeders: 3,
  clients: 2,
  copies: 2,
  engine: "memory",
  stepsPerClient: 8,
  bytesMost: 300_000,
  troubles: [],
  pauseMs: 1000,
  lastPowerCut: true,
};

/** Which checker says it, by how its complaints begin. */
export type Checker = "lost" | "seen" | "below" | "unsettled" | "unclean" | "untrue";

export function checkersOf(failures: readonly string[]): Set<Checker> {
  return new Set(failures.map((failure) => {
    const checker = /^(lost|below|unsettled|unclean|untrue): /.exec(failure)?.[1];
    return checker as Checker | undefined ?? "seen";
  }));
}

const seedsMost = 12;

/** In one of a few seeds this is said. What was said in it. */
export async function barks(
  wrappers: Wrappers,
  expected: RegExp,
  changed: Partial<SwarmOptions> = {},
): Promise<readonly string[]> {
  const all: string[] = [];
  for (let i = 0; i < seedsMost; i++) {
    const { failures } = await runOptions({ ...calm, seed: calm.seed + i, ...changed }, wrappers);
    if (expected.test(failures.join("\n"))) return failures;
    all.push(...failures);
  }
  assert.match(all.join("\n"), expected);
  return all;
}

/** And no other checker complains. */
export async function barksAlone(
  checker: Checker,
  wrappers: Wrappers,
  expected: RegExp,
  changed: Partial<SwarmOptions> = {},
): Promise<void> {
  const failures = await barks(wrappers, expected, changed);
  assert.deepEqual([...checkersOf(failures)], [checker], failures.join("\n"));
}

/** The catalog with other answers; inside transactions with other deeds as well. */
export function catalogWith(change: (tx: CatalogTransaction) => Partial<CatalogTransaction>) {
  const changed = <V extends CatalogView>(view: V): V => {
    const replaced: object = change(view as unknown as CatalogTransaction);
    return new Proxy(view, {
      get(target, name) {
        if (name in replaced) return Reflect.get(replaced, name);
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  };
  return (inner: Catalog): Catalog => ({
    transaction: (work) => inner.transaction((transaction) => work(changed(transaction))),
    read: (work) => inner.read((view) => work(changed(view))),
    close: () => inner.close(),
  });
}

/** The disk with other open files. */
export function diskWith(disk: Disk, change: (file: DiskFile, path: string) => DiskFile): Disk {
  return {
    ...disk,
    open: async (path, how, mode) => change(await disk.open(path, how, mode), path),
  };
}

/** The same file with some calls replaced. */
export function fileWith(file: DiskFile, replaced: Partial<DiskFile>): DiskFile {
  return {
    read: (buffer, offset) => file.read(buffer, offset),
    write: (bytes, offset) => file.write(bytes, offset),
    sizeBytes: () => file.sizeBytes(),
    truncate: (sizeBytes) => file.truncate(sizeBytes),
    sync: () => file.sync(),
    stat: () => file.stat(),
    tryLock: () => file.tryLock(),
    close: () => file.close(),
    ...replaced,
  };
}

/** The catalog with something else done in transactions. */
export function catalogDoing(deeds: (tx: CatalogTransaction) => Partial<CatalogTransaction>) {
  return (inner: Catalog): Catalog => ({
    read: (work) => inner.read(work),
    close: () => inner.close(),
    transaction: (work) =>
      inner.transaction((tx) => {
        const replaced = deeds(tx);
        return work(
          new Proxy(tx, {
            get(target, name) {
              const value: unknown = Reflect.get(name in replaced ? replaced : target, name);
              return typeof value === "function" ? value.bind(target) : value;
            },
          }),
        );
      }),
  });
}
