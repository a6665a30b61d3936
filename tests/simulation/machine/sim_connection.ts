/**
 * One exchange under way on the simulated network: it can be cut at any moment, which fails
 * whatever waits for it at both ends, and it copies bodies from one side to the other so that no
 * two machines ever share a buffer.
 */

export class SimConnection {
  readonly #cut = new AbortController();
  readonly #failed: Promise<never>;
  #reject: (reason: unknown) => void = () => {};
  readonly #endings: (() => void)[] = [];
  #over = false;

  constructor(readonly from: string, readonly to: string) {
    this.#failed = new Promise((_, reject) => this.#reject = reject);
    this.#failed.catch(() => {});
  }

  /** Fires when the connection is cut. */
  get signal(): AbortSignal {
    return this.#cut.signal;
  }

  get over(): boolean {
    return this.#over;
  }

  cut(reason: unknown): void {
    if (this.#over) return;
    this.#reject(reason);
    this.#cut.abort(reason);
    this.end();
  }

  /** It has done its work. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const ending of this.#endings) ending();
  }

  whenOver(ending: () => void): void {
    if (this.#over) ending();
    else this.#endings.push(ending);
  }

  /** What `work` comes to, unless the connection is cut before. */
  race<T>(work: Promise<T>): Promise<T> {
    return Promise.race([this.#failed, work]);
  }

  /**
   * The body as the other side sees it.
   * @param carry called before each part arrives, with the bytes that arrived before it and with
   * it; answers how many of the part's bytes arrive before the connection breaks, or undefined for
   * all
   */
  copy(
    source: ReadableStream<Uint8Array>,
    carry: (before: number, after: number) => Promise<number | undefined>,
    whenDone: () => void,
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    const reader = source.getReader();
    let arrived = 0;
    let atEnd = false;
    const pull = async (controller: ReadableByteStreamController) => {
      try {
        const { done, value } = await this.race(reader.read());
        if (done) {
          atEnd = true;
          controller.close();
          controller.byobRequest?.respond(0);
          return whenDone();
        }
        const taken = await this.race(carry(arrived, arrived + value.length));
        const bytes = value.slice(0, taken ?? value.length);
        arrived += bytes.length;
        if (bytes.length > 0) controller.enqueue(bytes);
        if (taken !== undefined) throw connectionReset();
        // An empty part satisfies no pull, and no other pull would follow.
        if (value.length === 0) await pull(controller);
      } catch (error) {
        reader.cancel(error).catch(() => {});
        controller.error(error);
        this.cut(error);
      }
    };
    this.whenOver(() => atEnd || reader.cancel(connectionReset()).catch(() => {}));
    return new ReadableStream({
      type: "bytes",
      pull,
      cancel: async (reason) => {
        await reader.cancel(reason).catch(() => {});
        whenDone();
      },
    }, { highWaterMark: 0 });
  }
}

export function connectionReset(): Error {
  return new TypeError("connection reset");
}
