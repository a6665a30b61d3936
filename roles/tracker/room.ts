/**
 * Keeps a reserve on the tracker's disk (`plan/reserve.ts`) and refuses what would make the catalog
 * grow while there is too little room: listing, reading, removing and purging go on.
 */
import { Fault, limits } from "../../protocol/mod.ts";
import type { Disk } from "../kit/disk.ts";
import type { Log } from "../kit/log.ts";
import type { Random } from "../kit/random.ts";
import { planReserve } from "./plan/reserve.ts";

export interface RoomParts {
  readonly disk: Disk;
  readonly stateDirectory: string;
  readonly random: Random;
  readonly log: Log;
}

const mib = 1024 * 1024;
/** The system gives no more random bytes at once. */
const blockBytes = 64 * 1024;

export class Room {
  #isLow = false;
  #freeBytes = 0;
  #told = "";

  private constructor(private readonly parts: RoomParts, private readonly reserveBytes: number) {}

  /** Looks at once: a tracker that starts on a full disk needs its reserve to do so. */
  static async open(parts: RoomParts): Promise<Room> {
    const { totalBytes } = await parts.disk.space(parts.stateDirectory);
    const most = Math.floor(totalBytes * limits.trackerReserveShareMax);
    const room = new Room(parts, Math.min(limits.trackerReserveBytes, most));
    await room.step(0);
    return room;
  }

  get isLow(): boolean {
    return this.#isLow;
  }

  /** @throws Fault `disk-full` while nothing may be taken that grows */
  check(): void {
    if (!this.#isLow) return;
    const free = `${(this.#freeBytes / mib).toFixed(1)} MiB`;
    throw new Fault(
      "disk-full",
      `the tracker's disk has ${free} left: it takes nothing new until there is more room`,
      { next: "make room on the tracker's disk, or remove files and type: trash empty" },
    );
  }

  /**
   * Looks at the disk and does what is to be done. What fails is tried again the next time.
   * @param spareBytes inside the catalog
   */
  async step(spareBytes: number): Promise<void> {
    const { disk, stateDirectory, log } = this.parts;
    try {
      const { freeBytes } = await disk.space(stateDirectory);
      const heldBytes = (await disk.stat(this.#path))?.sizeBytes ?? 0;
      const { reserveBytes } = this;
      const plan = planReserve({ freeBytes, spareBytes, heldBytes, reserveBytes }, this.#isLow);
      if (plan.isLow !== this.#isLow) this.#tell(plan.isLow, freeBytes);
      this.#isLow = plan.isLow;
      this.#freeBytes = freeBytes;
      if (plan.heldBytes < heldBytes) await this.#shrink(plan.heldBytes);
      else if (plan.heldBytes > heldBytes) await this.#fill(heldBytes, plan.heldBytes);
      this.#told = "";
    } catch (fault) {
      if (this.#told === "") log.warn("the reserve on the disk is not kept", { fault });
      this.#told = "told";
    }
  }

  get #path(): string {
    return `${this.parts.stateDirectory}/reserve`;
  }

  #tell(isLow: boolean, freeBytes: number): void {
    const { log } = this.parts;
    if (isLow) {
      const next = "make room on the tracker's disk, or remove files and type: trash empty";
      log.error("the tracker's disk is nearly full: nothing new is taken", { freeBytes, next });
    } else log.info("the tracker's disk has room again", { freeBytes });
  }

  async #shrink(toBytes: number): Promise<void> {
    const file = await this.parts.disk.open(this.#path, "update");
    try {
      await file.truncate(toBytes);
      await file.sync();
    } finally {
      file.close();
    }
    this.parts.log.warn("a part of the reserve on the disk was let go", { leftBytes: toBytes });
  }

  /** With bytes that no file system makes smaller. */
  async #fill(fromBytes: number, toBytes: number): Promise<void> {
    const { disk, random } = this.parts;
    const file = await disk.open(this.#path, fromBytes === 0 ? "create" : "update")
      .catch(() => disk.open(this.#path, "update"));
    try {
      for (let offset = fromBytes; offset < toBytes; offset += blockBytes) {
        await file.write(random.bytes(Math.min(blockBytes, toBytes - offset)), offset);
      }
      await file.sync();
    } finally {
      file.close();
    }
  }
}
