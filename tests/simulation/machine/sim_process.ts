/**
 * One life of a program on a simulated machine. Everything the program reaches the world by goes
 * through its gate: once the life has ended nothing it awaited ever comes back, and nothing it
 * calls has any effect, as if its memory were gone. A life can be made to end at its n-th call,
 * which is how a crash lands between any two awaits.
 */
import type { Transport } from "../../../protocol/mod.ts";
import type { Clock } from "../../../roles/kit/clock.ts";
import type { Disk, DiskFile } from "../../../roles/kit/disk.ts";

export class SimProcess {
  #alive = true;
  #calls = 0;
  #endAtCall = Infinity;
  #onFatalCall: (() => void) | undefined;
  readonly #endings = new Set<() => void>();

  constructor(readonly name: string) {}

  get alive(): boolean {
    return this.#alive;
  }

  /** The life is over, now. */
  end(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const ending of [...this.#endings]) ending();
    this.#endings.clear();
  }

  /** Calls `ending` when the life ends; call what is returned to forget it. */
  whenEnded(ending: () => void): () => void {
    this.#endings.add(ending);
    return () => this.#endings.delete(ending);
  }

  /** Calls `crash`, which must end this life, instead of the n-th call from now. */
  crashAtCall(n: number, crash: () => void): void {
    this.#endAtCall = this.#calls + n;
    this.#onFatalCall = crash;
  }

  /** Does `work` in the name of this life. */
  gate<T>(work: () => Promise<T>): Promise<T> {
    if (this.#alive && ++this.#calls >= this.#endAtCall) {
      this.#endAtCall = Infinity;
      this.#onFatalCall?.();
    }
    if (!this.#alive) return new Promise(() => {});
    return new Promise((resolve, reject) => {
      work().then(
        (value) => this.#alive && resolve(value),
        (error) => this.#alive && reject(error),
      );
    });
  }

  /** A stream that goes silent with this life. */
  stream(source: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> {
    const reader = source.getReader();
    return new ReadableStream({
      pull: (controller) =>
        this.gate(async () => {
          const { done, value } = await reader.read();
          if (!this.#alive) return;
          if (done) controller.close();
          else controller.enqueue(value);
        }),
      cancel: (reason) => this.gate(() => reader.cancel(reason)),
    }, { highWaterMark: 0 });
  }

  clock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      sleep: (ms, signal) => this.gate(() => clock.sleep(ms, signal)),
    };
  }

  transport(transport: Transport): Transport {
    return (request) => this.gate(() => transport(request));
  }

  disk(disk: Disk): Disk {
    return {
      open: (path, how, mode) =>
        this.gate(async () => this.#file(await disk.open(path, how, mode))),
      stream: (path, start, end) =>
        this.gate(async () => this.stream(await disk.stream(path, start, end))),
      rename: (from, to) => this.gate(() => disk.rename(from, to)),
      renameIfFree: (from, to) => this.gate(() => disk.renameIfFree(from, to)),
      remove: (path) => this.gate(() => disk.remove(path)),
      makeDirectory: (path) => this.gate(() => disk.makeDirectory(path)),
      makeNewDirectory: (path, mode) => this.gate(() => disk.makeNewDirectory(path, mode)),
      list: (path) => this.gate(() => disk.list(path)),
      stat: (path) => this.gate(() => disk.stat(path)),
      realPath: (path) => this.gate(() => disk.realPath(path)),
      readLink: (path) => this.gate(() => disk.readLink(path)),
      makeLink: (path, target) => this.gate(() => disk.makeLink(path, target)),
      setAttributes: (path, attributes) => this.gate(() => disk.setAttributes(path, attributes)),
      syncDirectory: (path) => this.gate(() => disk.syncDirectory(path)),
      space: (path) => this.gate(() => disk.space(path)),
    };
  }

  #file(file: DiskFile): DiskFile {
    return {
      read: (buffer, offset) => this.gate(() => file.read(buffer, offset)),
      write: (bytes, offset) => this.gate(() => file.write(bytes, offset)),
      sizeBytes: () => this.gate(() => file.sizeBytes()),
      truncate: (sizeBytes) => this.gate(() => file.truncate(sizeBytes)),
      sync: () => this.gate(() => file.sync()),
      stat: () => this.gate(() => file.stat()),
      tryLock: () => this.gate(() => file.tryLock()),
      close: () => file.close(),
    };
  }
}
