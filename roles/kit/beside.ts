/**
 * Writing beside a person's files: in a directory of its own with a name that nobody could mean,
 * open to nobody else, made by this run and locked by it as long as it lives. Only the file that
 * was written there gets a name outside, whatever its own name leads to by then.
 *
 * `state` in it says which directory it was made as. A run that finds a directory whose state names
 * it, and whose lock nobody holds, knows that the run that made it is dead, and may go on with what
 * it left or remove that. A copy of such a directory, or one that came by `get`, has another number
 * and is nobody's. Nothing here knows what the files are for.
 */
import * as z from "zod";
import { Fault } from "../../protocol/mod.ts";
import { type Disk, type DiskFile, type DiskStat, isSameFile } from "./disk.ts";
import { type Random, randomHex } from "./random.ts";

const State = z.strictObject({
  format: z.literal(1),
  made: z.literal("offshore"),
  inode: z.number(),
  device: z.number(),
});

const ours = /^\.offshore-[0-9a-f]{16}$/;
const stateBytesMax = 4096;
const triesMost = 8;

export class WorkDirectory {
  #highest: number;

  private constructor(
    private readonly disk: Disk,
    /** The directory beside whose files it is. */
    readonly beside: string,
    readonly path: string,
    private readonly state: DiskFile,
    /** Names of files that a dead run left; none in a new one. */
    readonly left: Set<string>,
  ) {
    const numbers = [...left].map((name) => Number.parseInt(name) || 0);
    this.#highest = Math.max(0, ...numbers);
  }

  /** A new one. Throws `local-not-found` and the like where none can be made in `beside`. */
  static async make(disk: Disk, random: Random, beside: string): Promise<WorkDirectory> {
    for (let attempt = 1;; attempt++) {
      const path = `${beside === "/" ? "" : beside}/.offshore-${randomHex(random, 16)}`;
      try {
        await disk.makeNewDirectory(path, 0o700);
      } catch (error) {
        const taken = error instanceof Fault && error.code === "local-exists";
        if (!taken || attempt === triesMost) throw error;
        continue;
      }
      try {
        return new WorkDirectory(disk, beside, path, await makeState(disk, path), new Set());
      } catch (error) {
        await disk.remove(`${path}/state`).catch(() => {});
        await disk.remove(path).catch(() => {});
        throw error;
      }
    }
  }

  /**
   * Those of dead runs, locked for this one, without the files that have a bare number as their
   * name: nobody goes on with these. Never throws: what cannot be read is nobody's.
   */
  static async leftBeside(disk: Disk, beside: string): Promise<WorkDirectory[]> {
    const found: WorkDirectory[] = [];
    const entries = await disk.list(beside).catch(() => []);
    for (const { name, kind } of entries) {
      if (kind !== "directory" || !ours.test(name)) continue;
      const path = `${beside === "/" ? "" : beside}/${name}`;
      const state = await takeOver(disk, path).catch(() => undefined);
      if (state === undefined) continue;
      const inside = await disk.list(path).catch(() => []);
      const files = inside.filter((one) => one.kind === "file" && one.name !== "state");
      const left = new Set(files.map((one) => one.name));
      const work = new WorkDirectory(disk, beside, path, state, left);
      await work.remove(...[...left].filter((name) => /^\d+$/.test(name)));
      found.push(work);
    }
    return found;
  }

  /** A number that no file in it has. */
  next(): number {
    return ++this.#highest;
  }

  /** Makes its own name and that of what is in it survive a power cut. */
  async keep(): Promise<void> {
    await this.state.sync();
    await this.disk.syncDirectory(this.path);
    await this.disk.syncDirectory(this.beside);
  }

  /** Removes the files of these names; one that is not there is no matter. */
  async remove(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      this.left.delete(name);
      await this.disk.remove(`${this.path}/${name}`).catch(() => {});
    }
  }

  /**
   * Lets it go, and removes it when nothing is left in it. Never throws. What is left waits for a
   * later run.
   */
  async end(): Promise<void> {
    try {
      const inside = await this.disk.list(this.path);
      if (inside.every(({ name }) => name === "state")) {
        await this.disk.remove(`${this.path}/state`);
        await this.disk.remove(this.path);
      }
    } catch {
      // Somebody else removed it, or the disk fails: there is nobody to tell and nothing to lose.
    }
    this.state.close();
  }
}

/** Locked before anything is in it: a state that is empty says nothing about its directory. */
async function makeState(disk: Disk, path: string): Promise<DiskFile> {
  const directory = await disk.stat(path);
  if (directory === undefined) throw new Fault("local-failed", `${path} is gone`);
  const state = await disk.open(`${path}/state`, "create", 0o600);
  // Where a file system has no locks every directory is only its own run's.
  const locked = await state.tryLock().catch(() => true);
  if (locked) {
    const { inode, device } = directory;
    const text = JSON.stringify({ format: 1, made: "offshore", inode, device });
    await state.write(new TextEncoder().encode(text), 0);
    return state;
  }
  state.close();
  throw new Fault("local-failed", `${path} was taken by another program`);
}

async function takeOver(disk: Disk, path: string): Promise<DiskFile | undefined> {
  const directory = await disk.stat(path);
  const named = await disk.stat(`${path}/state`);
  if (directory?.kind !== "directory" || named?.kind !== "file") return undefined;
  if ((directory.mode & 0o077) !== 0 || directory.owner !== named.owner) return undefined;
  const state = await disk.open(`${path}/state`, "update");
  try {
    if (await isStateOf(disk, directory, state, path)) return state;
  } catch {
    // No lock, or no JSON: not proven.
  }
  state.close();
  return undefined;
}

async function isStateOf(
  disk: Disk,
  directory: DiskStat,
  state: DiskFile,
  path: string,
): Promise<boolean> {
  if (!await state.tryLock()) return false;
  const buffer = new Uint8Array(stateBytesMax);
  const text = new TextDecoder().decode(buffer.subarray(0, await state.read(buffer, 0)));
  if (!isSameFile(State.parse(JSON.parse(text)), directory)) return false;
  // Another run may have taken it over and removed it between the look and the lock.
  return isSameFile(await state.stat(), await disk.stat(`${path}/state`));
}

/**
 * Gives the file in a work directory the name `to`, but only the file that `file` has open. With
 * `replace` it takes the place of a file or link that is there; else the name must be free.
 */
export async function giveName(
  disk: Disk,
  file: DiskFile,
  from: string,
  to: string,
  replace: boolean,
): Promise<void> {
  if (!isSameFile(await file.stat(), await disk.stat(from))) {
    throw new Fault("local-failed", `${from} is not the file that was written there`);
  }
  if (replace) await disk.rename(from, to);
  else await disk.renameIfFree(from, to);
}

/** Removes what dead runs left here that nobody goes on with. Never throws. */
export async function sweepBeside(disk: Disk, directory: string): Promise<void> {
  for (const work of await WorkDirectory.leftBeside(disk, directory)) await work.end();
}

/** A small file, whole or not at all, as `writeDurably`, but where others may write too. */
export async function writeBeside(
  disk: Disk,
  random: Random,
  path: string,
  bytes: Uint8Array<ArrayBuffer>,
  mode: number,
): Promise<void> {
  const directory = path.slice(0, Math.max(1, path.lastIndexOf("/")));
  await sweepBeside(disk, directory);
  const work = await WorkDirectory.make(disk, random, directory);
  const name = String(work.next());
  try {
    const file = await disk.open(`${work.path}/${name}`, "create", mode);
    try {
      await file.write(bytes, 0);
      await file.sync();
      await giveName(disk, file, `${work.path}/${name}`, path, true);
    } finally {
      file.close();
    }
    await disk.syncDirectory(directory);
  } finally {
    await work.remove(name);
    await work.end();
  }
}
