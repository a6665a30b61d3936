/**
 * Whether the disk a seeder started on is still the one its paths lead to. A disk can be unmounted,
 * pulled out or exchanged under a running program; then an empty folder of the machine's own disk,
 * or another seeder's, stands in its place: nothing may be written there, and nothing that is not
 * found there is lost.
 *
 * Its one idea: a file written at the start, with dice in it. Where it is found, with what was
 * written, is the disk. Each call that changes something compares which file it is; the dice are
 * read when that differs, and each time somebody asks in earnest (`look`). Handles that are open
 * lead to the right disk whatever its paths do.
 */
import { Fault } from "../../protocol/mod.ts";
import { type Disk, type DiskStat, isSameFile, readWhole, writeDurably } from "../kit/disk.ts";
import { type Random, randomHex } from "../kit/random.ts";

export class Anchor {
  readonly #path: string;
  #seen: DiskStat | undefined;
  #trouble: string | undefined;
  #holding: Promise<void> | undefined;

  private constructor(
    private readonly disk: Disk,
    private readonly directory: string,
    private readonly dice: string,
  ) {
    this.#path = `${directory}/anchor`;
  }

  /**
   * Drops it in the state folder, at each start anew; on a disk that is full, that of an earlier
   * start holds as well.
   */
  static async drop(disk: Disk, directory: string, random: Random): Promise<Anchor> {
    let anchor = new Anchor(disk, directory, randomHex(random, 32));
    try {
      await writeDurably(disk, anchor.#path, new TextEncoder().encode(`${anchor.dice}\n`));
    } catch (error) {
      const bytes = await readWhole(disk, anchor.#path);
      if (bytes === undefined) throw error;
      anchor = new Anchor(disk, directory, new TextDecoder().decode(bytes).trim());
    }
    anchor.#seen = await disk.stat(anchor.#path);
    return anchor;
  }

  /** Why the disk is not the one of the start, in words, when somebody looked last. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Looks whether it is the disk, and says why not. Never throws. */
  async look(): Promise<string | undefined> {
    return this.#trouble = await this.#find();
  }

  async #find(): Promise<string | undefined> {
    const { disk, directory } = this;
    try {
      const stat = await disk.stat(this.#path);
      const bytes = await readWhole(disk, this.#path);
      if (stat === undefined || bytes === undefined) {
        const isThere = await disk.stat(directory) !== undefined;
        return isThere
          ? `${directory} is that of another disk`
          : `${directory} is gone: the disk was unmounted or removed`;
      }
      if (new TextDecoder().decode(bytes).trim() !== this.dice) {
        return `${directory} is that of another disk`;
      }
      this.#seen = stat;
      return undefined;
    } catch (error) {
      return `${directory} cannot be read: ${error instanceof Error ? error.message : error}`;
    }
  }

  /** Many who ask at once get one answer. @throws Fault `disk-gone` unless it is the disk */
  hold(): Promise<void> {
    return this.#holding ??= this.#hold().finally(() => this.#holding = undefined);
  }

  async #hold(): Promise<void> {
    const stat = await this.disk.stat(this.#path).catch(() => undefined);
    if (this.#trouble === undefined && isSameFile(stat, this.#seen)) return;
    const trouble = await this.look();
    if (trouble !== undefined) throw new Fault("disk-gone", trouble);
  }

  /**
   * The disk, held fast: what would change another is refused, and where the whole disk is gone
   * nothing on it is said to be missing. Each throws `disk-gone` then.
   */
  held(): Disk {
    const { disk } = this;
    const held = async <T>(work: () => Promise<T>): Promise<T> => {
      await this.hold();
      return await work();
    };
    const found = async <T>(work: () => Promise<T>): Promise<T> => {
      try {
        return await work();
      } catch (error) {
        if (error instanceof Fault && error.code === "local-not-found") await this.hold();
        throw error;
      }
    };
    // What an empty folder or another disk says of a name is no word about this one.
    const told = async <T>(work: () => Promise<T>): Promise<T> => {
      const answer = await found(work);
      await this.hold();
      return answer;
    };
    return {
      open: async (path, how, mode) => {
        await this.hold();
        const file = await found(() => disk.open(path, how, mode));
        // Another disk has files of the same names: its bytes would be taken for corrupt ones.
        return await this.hold().then(() => file, (fault) => {
          file.close();
          throw fault;
        });
      },
      stream: async (path, start, end) => {
        const body = await found(() => disk.stream(path, start, end));
        return await this.hold().then(() => body, async (fault) => {
          await body.cancel();
          throw fault;
        });
      },
      list: (path) => told(() => disk.list(path)),
      stat: (path) => told(() => disk.stat(path)),
      realPath: (path) => told(() => disk.realPath(path)),
      readLink: (path) => told(() => disk.readLink(path)),
      space: (path) => told(() => disk.space(path)),
      rename: (from, to) => held(() => disk.rename(from, to)),
      renameIfFree: (from, to) => held(() => disk.renameIfFree(from, to)),
      remove: (path) => held(() => disk.remove(path)),
      makeDirectory: (path) => held(() => disk.makeDirectory(path)),
      makeNewDirectory: (path, mode) => held(() => disk.makeNewDirectory(path, mode)),
      makeLink: (path, target) => held(() => disk.makeLink(path, target)),
      setAttributes: (path, attributes) => held(() => disk.setAttributes(path, attributes)),
      syncDirectory: (path) => held(() => disk.syncDirectory(path)),
    };
  }
}
