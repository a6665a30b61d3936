/**
 * Directories that a download makes, with the modes they had in the cluster, masked as those of
 * files are. One that its owner may not write gets its mode when all that belongs in it is there.
 * What is there already keeps its mode, and a link is never taken for a directory.
 */
import { Fault } from "../../../protocol/mod.ts";
import { type Disk, isSameFile } from "../../kit/disk.ts";
import { visible } from "../terminal/wording.ts";
import { localFault } from "./local_names.ts";

const ownersRights = 0o700;

interface Waiting {
  readonly path: string;
  readonly mode: number;
  readonly inode: number;
  readonly device: number;
}

export class LocalDirectories {
  /** In the order made. Few: most directories may be written by their owner. */
  readonly #waiting: Waiting[] = [];

  /** @param preserve the modes as they are, whatever the umask says */
  constructor(private readonly disk: Disk, private readonly preserve: boolean) {}

  /** Throws `local-exists` where something else has the name. */
  async make(path: string, mode: number): Promise<void> {
    const there = await this.disk.stat(path);
    if (there?.kind === "directory") return;
    if (there !== undefined) {
      const kind = there.kind === "other" ? "special file" : there.kind;
      const message = `${visible(path)} is a ${kind}, where a directory is to be`;
      throw new Fault("local-exists", message, { next: "name another place, or move it away" });
    }
    await localFault(() => this.#makeNew(path, mode));
  }

  async #makeNew(path: string, mode: number): Promise<void> {
    await this.disk.makeNewDirectory(path, mode & 0o777);
    const made = await this.disk.stat(path);
    if (made?.kind !== "directory") throw new Fault("local-failed", `${path} is gone`);
    const { inode, device } = made;
    const final = this.preserve ? mode : made.mode;
    const now = made.mode | ownersRights;
    if (now !== made.mode) await this.disk.setAttributes(path, { mode: now });
    if (final !== now) this.#waiting.push({ path, mode: final, inode, device });
  }

  /** Everything is in place. Calls `failed` for those whose mode could not be set. */
  async settle(failed: (path: string, error: unknown) => Promise<void>): Promise<void> {
    for (const { path, mode, ...made } of this.#waiting.toReversed()) {
      try {
        if (!isSameFile(made, await this.disk.stat(path))) continue;
        await this.disk.setAttributes(path, { mode });
      } catch (error) {
        await failed(path, error);
      }
    }
  }
}
