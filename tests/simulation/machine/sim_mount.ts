/**
 * Where a simulated disk is mounted. Another may stand in its place while programs run, as when a
 * disk is unmounted, pulled out or exchanged: paths lead to what is mounted now, handles that are
 * open to the disk they were opened on, and each disk has a device number of its own.
 */
import type { Disk, DiskStat } from "../../../roles/kit/disk.ts";
import type { SimDisk } from "./sim_disk.ts";

export class SimMount {
  #now: SimDisk;
  #device = 1;
  #before: string | undefined;

  constructor(private readonly home: SimDisk) {
    this.#now = home;
  }

  get isHome(): boolean {
    return this.#now === this.home;
  }

  /** The disk is gone from here; `other` lies in its place. */
  put(other: SimDisk): void {
    this.#now = other;
    this.#device++;
    this.#before = contents(other);
  }

  /** The disk is back. False when something was changed on what stood in its place. */
  comeBack(): boolean {
    if (this.isHome) return true;
    const same = contents(this.#now) === this.#before;
    this.#now = this.home;
    // Mounted once more it has the number it gets, and not the one it had.
    this.#device++;
    return same;
  }

  /** The disk as programs see it. */
  disk(): Disk {
    const now = () => this.#now;
    const device = () => this.#device;
    const here = (stat: DiskStat) => ({ ...stat, device: device() });
    return {
      open: async (path, how, mode) => {
        const file = await now().open(path, how, mode);
        const opened = device();
        return {
          read: (buffer, offset) => file.read(buffer, offset),
          write: (bytes, offset) => file.write(bytes, offset),
          sizeBytes: () => file.sizeBytes(),
          truncate: (sizeBytes) => file.truncate(sizeBytes),
          sync: () => file.sync(),
          stat: async () => ({ ...await file.stat(), device: opened }),
          tryLock: () => file.tryLock(),
          close: () => file.close(),
        };
      },
      stream: (path, start, end) => now().stream(path, start, end),
      rename: (from, to) => now().rename(from, to),
      renameIfFree: (from, to) => now().renameIfFree(from, to),
      remove: (path) => now().remove(path),
      makeDirectory: (path) => now().makeDirectory(path),
      makeNewDirectory: (path, mode) => now().makeNewDirectory(path, mode),
      list: (path) => now().list(path),
      stat: async (path) => {
        const stat = await now().stat(path);
        return stat && here(stat);
      },
      realPath: (path) => now().realPath(path),
      readLink: (path) => now().readLink(path),
      makeLink: (path, target) => now().makeLink(path, target),
      setAttributes: (path, attributes) => now().setAttributes(path, attributes),
      syncDirectory: (path) => now().syncDirectory(path),
      space: (path) => now().space(path),
    };
  }
}

/** All names and bytes on a disk, as one text. */
function contents(disk: SimDisk): string {
  return disk.files().map(({ path }) => `${path} ${disk.peek(path)?.toHex()}`).join("\n");
}
