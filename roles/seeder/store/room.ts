/**
 * Whether there is room for a chunk: free space less the reserve, less what is on its way. The
 * reserve stays free for drops, logs and the identity, so a seeder that is full can still do its
 * other work.
 */
import { Fault, limits } from "../../../protocol/mod.ts";
import type { Disk } from "../../kit/disk.ts";

export class Room {
  #comingBytes = 0;

  constructor(
    private readonly disk: Disk,
    private readonly directory: string,
    private readonly reserveBytesMost: number,
  ) {}

  async space(): Promise<{ totalBytes: number; freeBytes: number }> {
    const { totalBytes } = await this.disk.space(this.directory);
    return { totalBytes, freeBytes: Math.max(0, await this.#leftBytes()) };
  }

  /** Below zero when more was set aside than there is. */
  async #leftBytes(): Promise<number> {
    const { totalBytes, freeBytes } = await this.disk.space(this.directory);
    const reserve = Math.min(
      this.reserveBytesMost,
      Math.floor(totalBytes * limits.seederReserveShareMax),
    );
    return freeBytes - reserve - this.#comingBytes;
  }

  /**
   * Runs `work`, which writes about `sizeBytes`, with the room set aside for it.
   * @throws Fault `disk-full`
   */
  async during<T>(sizeBytes: number, work: () => Promise<T>): Promise<T> {
    // Set aside before looking, so that several who look at once see each other.
    this.#comingBytes += sizeBytes;
    try {
      const leftBytes = await this.#leftBytes();
      if (leftBytes < 0) {
        throw new Fault(
          "disk-full",
          `${sizeBytes} bytes do not fit into the ${
            Math.max(0, leftBytes + sizeBytes)
          } left above the reserve`,
        );
      }
      return await work();
    } finally {
      this.#comingBytes -= sizeBytes;
    }
  }
}
