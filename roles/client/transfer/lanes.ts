/** Bounded work at once, and a queue from many workers to one reader. No clock, no IO. */

import { Fault } from "../../../protocol/mod.ts";

/** At most `width` pieces of work at once; who comes later waits in line. */
export class Lane {
  readonly #waiting: (() => void)[] = [];
  readonly #running = new Set<Promise<void>>();
  #free: number;

  constructor(width: number) {
    this.#free = width;
  }

  /** Resolves when `work` has begun, so that a loop that awaits it never runs ahead of the lane. */
  async start(work: () => Promise<void>): Promise<void> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free--;
    const running: Promise<void> = work().finally(() => {
      this.#running.delete(running);
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    });
    running.catch(() => {});
    this.#running.add(running);
  }

  /** Resolves when nothing runs any more. Failures of the work are its own affair. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }
}

/** Values pushed by many, read in the order of arrival by one. */
export class ResultQueue<T> {
  #entries: { value: T; taken: () => void }[] = [];
  #ended = false;
  #error: { thrown: unknown } | undefined;
  #wake: () => void = () => {};

  /** Resolves when the reader is done with the value: whoever awaits it does not run ahead. */
  push(value: T): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#entries.push({ value, taken: resolve });
      this.#wake();
    });
  }

  /** The reader gets what is queued and then the end, or the error. */
  end(error?: { thrown: unknown }): void {
    this.#ended = true;
    this.#error ??= error;
    this.#wake();
  }

  /** The reader is gone: nobody waits for it any more. */
  abandon(): void {
    this.#ended = true;
    for (const entry of this.#entries.splice(0)) entry.taken();
  }

  async *read(): AsyncGenerator<T> {
    for (;;) {
      const entry = this.#entries.shift();
      if (entry !== undefined) {
        try {
          yield entry.value;
        } finally {
          entry.taken();
        }
      } else if (this.#ended) break;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
    if (this.#error !== undefined) throw this.#error.thrown;
  }
}

/**
 * What `produce` pushes, as an iterable. A reader that stops early, or a signal, aborts the signal
 * given to `produce`, and the iteration ends only when `produce` has: nothing is left running.
 */
export async function* produced<T>(
  controller: AbortController,
  produce: (queue: ResultQueue<T>, signal: AbortSignal) => Promise<void>,
): AsyncGenerator<T> {
  const queue = new ResultQueue<T>();
  const running = produce(queue, controller.signal).then(
    () => queue.end(),
    (thrown) => queue.end({ thrown }),
  );
  try {
    yield* queue.read();
  } finally {
    controller.abort(new Fault("interrupted", "the reader stopped"));
    queue.abandon();
    await running;
  }
}
