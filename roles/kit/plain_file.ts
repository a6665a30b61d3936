/**
 * A file opened to be read where others may write: the last name of its path must be the file
 * itself, no link, and neither a pipe nor a device, which could keep the opener waiting for ever.
 * What the names before it lead to is the caller's to compare (`confined.ts` of the seeder).
 */
import { constants, open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { Fault } from "../../protocol/mod.ts";
import type { DiskFile, DiskStat } from "./disk.ts";

const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Throws what the system throws; `disk-failed` where it is no regular file. */
export async function openPlainFile(path: string): Promise<DiskFile> {
  const handle = await open(path, flags);
  try {
    if ((await handle.stat()).isFile()) return new PlainFile(handle, path);
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  throw new Fault("disk-failed", `${path} is no regular file`);
}

class PlainFile implements DiskFile {
  constructor(private readonly handle: FileHandle, private readonly path: string) {}

  async read(buffer: Uint8Array<ArrayBuffer>, offset: number): Promise<number> {
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await this.handle.read(
        buffer,
        filled,
        buffer.length - filled,
        offset + filled,
      );
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  async stat(): Promise<DiskStat> {
    const { size, mtimeMs, ctimeMs, mode, ino, dev, nlink, uid } = await this.handle.stat();
    return {
      kind: "file",
      sizeBytes: size,
      modifiedMs: Math.floor(mtimeMs),
      mode: mode & 0o7777,
      inode: ino,
      device: dev,
      changedMs: Math.floor(ctimeMs),
      links: nlink,
      owner: uid,
    };
  }

  async sizeBytes(): Promise<number> {
    return (await this.stat()).sizeBytes;
  }

  write(): Promise<void> {
    return this.#refuse();
  }

  truncate(): Promise<void> {
    return this.#refuse();
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  tryLock(): Promise<boolean> {
    return this.#refuse();
  }

  close(): void {
    this.handle.close().catch(() => {});
  }

  #refuse<T>(): Promise<T> {
    return Promise.reject(new Fault("disk-failed", `${this.path} was opened to read`));
  }
}
