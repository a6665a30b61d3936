/**
 * The network between simulated machines. A request is handed to the app that listens at its
 * address, and everything that can happen to bytes on their way happens by the dice: delay,
 * requests and replies that vanish or are reset, requests that arrive twice, reports of seeders
 * that arrive once more long after later ones, bodies that break off or stall, walls between
 * machines in one direction or both, machines without power.
 *
 * It speaks of whole exchanges, not of packets: bytes that arrive are right and in order, as TCP
 * promises. Wrong bytes come from disks.
 */
import type { Transport } from "../../../protocol/mod.ts";
import type { App } from "../../../roles/kit/serve.ts";
import { type Random, randomInt } from "../../../roles/kit/random.ts";
import type { Timeline } from "./sim_clock.ts";
import { connectionReset, SimConnection } from "./sim_connection.ts";
import type { SimProcess } from "./sim_process.ts";

/** Shares of exchanges, 0 to 1, and times in milliseconds. */
export interface NetworkFaults {
  /** Longest way of a request or reply. */
  delayMs: number;
  /** Longest way of each part of a body. */
  partDelayMs: number;
  /** The request never arrives. */
  requestsLost: number;
  /** The request is carried out, the reply never arrives. */
  repliesLost: number;
  /** A JSON request arrives twice. */
  requestsDoubled: number;
  /** What a seeder reports arrives again within `reportLateMsMost`, in no order. */
  reportsLate: number;
  /** A body breaks off, or stops to move, in the middle. */
  bodiesCut: number;
  bodiesStalled: number;
}

export const calmNetwork: Readonly<NetworkFaults> = {
  delayMs: 2,
  partDelayMs: 0,
  requestsLost: 0,
  repliesLost: 0,
  requestsDoubled: 0,
  reportsLate: 0,
  bodiesCut: 0,
  bodiesStalled: 0,
};

/** How long a machine tries to reach one that does not answer at all. */
const connectTimeoutMs = 20_000;
const reportLateMsMost = 15_000;

interface Listener {
  readonly app: App;
  readonly process: SimProcess;
}

/** What the dice decided about one exchange. */
interface Fate {
  readonly requestLost: boolean;
  readonly replyLost: boolean;
  readonly doubled: boolean;
  readonly late: boolean;
  /** Silence instead of an error, for what is lost. */
  readonly silent: boolean;
  readonly cutAt: number;
  readonly stallAt: number;
}

export class SimNetwork {
  readonly faults: NetworkFaults = { ...calmNetwork };
  /** The network card of each machine by its host name: an unplugged one is silent. */
  readonly #unplugged = new Set<string>();
  readonly #walls = new Set<string>();
  readonly #listeners = new Map<string, Listener>();
  readonly #standIns = new Map<string, Listener>();
  readonly #live = new Set<SimConnection>();
  #healed = Promise.withResolvers<void>();
  /** Called before a request is handed over; may throw or cut. For stories. */
  onRequest: ((request: Request, from: string, to: string) => void) | undefined;
  /** Called when a reply is about to leave; true loses it. For stories. */
  onReply: ((request: Request, response: Response) => boolean) | undefined;

  constructor(
    private readonly timeline: Timeline,
    private readonly random: Random,
    private readonly trace: (line: string) => void,
  ) {}

  /** Hands requests for `host:port` to `app` for as long as the process lives. */
  listen(process: SimProcess, host: string, port: number, app: App): void {
    const key = `${host}:${port}`;
    this.#listeners.set(key, { app, process });
    process.whenEnded(() => {
      if (this.#listeners.get(key)?.process === process) this.#listeners.delete(key);
    });
  }

  /** What is sent to `host:port` goes to `app` instead, for as long as the process lives. */
  standIn(process: SimProcess, host: string, port: number, app: App): void {
    const key = `${host}:${port}`;
    this.#standIns.set(key, { app, process });
    process.whenEnded(() => this.#standIns.delete(key));
  }

  /** Nothing sent from `from` reaches `to`; the other way is another wall. */
  wall(from: string, to: string): void {
    this.#walls.add(`${from}>${to}`);
  }

  unplug(host: string): void {
    this.#unplugged.add(host);
  }

  /** The machine has power again: what was connected to its earlier life is told so. */
  plug(host: string): void {
    if (!this.#unplugged.delete(host)) return;
    for (const connection of [...this.#live]) {
      if (connection.from === host || connection.to === host) connection.cut(connectionReset());
    }
    this.#tellHealed();
  }

  /** All walls fall. */
  heal(): void {
    this.#walls.clear();
    this.#tellHealed();
  }

  transport(process: SimProcess, host: string): Transport {
    return async (request) => {
      if (request.signal.aborted) throw request.signal.reason;
      const url = new URL(request.url);
      const connection = new SimConnection(host, url.hostname);
      this.#live.add(connection);
      connection.whenOver(() => this.#live.delete(connection));
      const onAbort = () => connection.cut(request.signal.reason);
      request.signal.addEventListener("abort", onAbort, { once: true });
      connection.whenOver(() => request.signal.removeEventListener("abort", onAbort));
      this.#tie(connection, process, host);
      try {
        return await connection.race(this.#exchange(connection, url, request));
      } catch (error) {
        connection.cut(error);
        request.body?.cancel(error).catch(() => {});
        throw error;
      }
    };
  }

  #tellHealed(): void {
    const before = this.#healed;
    this.#healed = Promise.withResolvers();
    before.resolve();
  }

  #isBlocked(from: string, to: string): boolean {
    return this.#walls.has(`${from}>${to}`) || this.#unplugged.has(from) || this.#unplugged.has(to);
  }

  /** When a life at one end is over its system resets the connection, if it still can. */
  #tie(connection: SimConnection, process: SimProcess, host: string): void {
    const other = host === connection.from ? connection.to : connection.from;
    const forget = process.whenEnded(async () => {
      while (this.#isBlocked(host, other)) await this.#healed.promise;
      connection.cut(connectionReset());
    });
    connection.whenOver(forget);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.timeline.after(ms, resolve));
  }

  /** The way from one machine to another, behind a wall until it falls. */
  async #carry(from: string, to: string, longestMs: number): Promise<void> {
    if (longestMs > 0) await this.#sleep(Math.ceil(this.random.unit() * longestMs));
    while (this.#isBlocked(from, to)) await this.#healed.promise;
  }

  #fate(): Fate {
    const { faults, random } = this;
    const happens = (share: number) => random.unit() < share;
    // Powers of two: a break is as likely in the first bytes as late in a chunk.
    const somewhere = () => randomInt(random, 0, 2 ** randomInt(random, 0, 21));
    return {
      requestLost: happens(faults.requestsLost),
      replyLost: happens(faults.repliesLost),
      doubled: happens(faults.requestsDoubled),
      late: happens(faults.reportsLate),
      silent: happens(0.5),
      cutAt: happens(faults.bodiesCut) ? somewhere() : Infinity,
      stallAt: happens(faults.bodiesStalled) ? somewhere() : Infinity,
    };
  }

  async #exchange(connection: SimConnection, url: URL, request: Request): Promise<Response> {
    const { from, to } = connection;
    const fate = this.#fate();
    const forget = this.timeline.after(
      connectTimeoutMs,
      () => connection.cut(new TypeError("connection timed out")),
    );
    connection.whenOver(forget);
    await this.#carry(from, to, this.faults.delayMs);
    // Whoever sent it has gone meanwhile, and the reset overtook it.
    if (connection.over) throw connectionReset();
    const listener = this.#standIns.get(url.host) ?? this.#listeners.get(url.host);
    if (listener === undefined) await this.#carry(to, from, this.faults.delayMs);
    forget();
    if (listener === undefined) throw new TypeError("connection refused");
    this.#tie(connection, listener.process, to);
    this.onRequest?.(request, from, to);
    if (fate.requestLost) return await this.#lost(fate);

    const json = request.headers.get("content-type") === "application/json";
    const plain = this.#isPlain(fate);
    let response: Response;
    if (json && plain) response = await listener.app(request, from);
    else {
      let body = this.#arriving(connection, request.body, from, to, fate);
      const late = fate.late && /\/(heartbeat|inventory|scrub-report|pull)$/.test(url.pathname);
      if (json && body !== null && (fate.doubled || late)) {
        const whole = new Uint8Array(await new Response(body).arrayBuffer());
        const again = async (word: string) => {
          this.trace(`${from} to ${to} ${word}: ${request.method} ${url.pathname}`);
          const now = this.#listeners.get(url.host);
          if (now === undefined) return;
          const reply = await this.#deliver(now, request, whole.slice(), from);
          await reply.body?.cancel();
        };
        if (late) {
          const ms = randomInt(this.random, 0, reportLateMsMost);
          this.#sleep(ms).then(() => again("late")).catch(() => {});
        } else {
          again("twice").catch(() => {});
          await this.#sleep(randomInt(this.random, 0, 20));
        }
        body = new Response(whole).body;
      }
      response = await this.#deliver(listener, request, body, from, connection.signal);
    }
    this.trace(`${from} to ${to}: ${request.method} ${url.pathname} ${response.status}`);
    if (fate.replyLost || this.onReply?.(request, response)) {
      await response.body?.cancel();
      return await this.#lost(fate);
    }
    await this.#carry(to, from, this.faults.delayMs);
    const finish = () => connection.end();
    if (json && plain) {
      finish();
      return response;
    }
    const reply = this.#arriving(connection, response.body, to, from, fate, finish);
    if (reply === null) finish();
    return new Response(reply, { status: response.status, headers: new Headers(response.headers) });
  }

  /** Nothing happens to the bodies on their way, so small ones need not be carried in parts. */
  #isPlain({ doubled, late, cutAt, stallAt }: Fate): boolean {
    const whole = cutAt === Infinity && stallAt === Infinity && this.faults.partDelayMs === 0;
    return whole && !doubled && !late;
  }

  #deliver(
    listener: Listener,
    request: Request,
    body: ReadableStream<Uint8Array<ArrayBuffer>> | Uint8Array<ArrayBuffer> | null,
    from: string,
    signal?: AbortSignal,
  ): Promise<Response> {
    const { method } = request;
    const headers = new Headers(request.headers);
    const init = { method, headers, body, ...(signal === undefined ? {} : { signal }) };
    return listener.app(new Request(request.url, init), from);
  }

  #arriving(
    connection: SimConnection,
    body: ReadableStream<Uint8Array> | null,
    from: string,
    to: string,
    fate: Fate,
    whenDone: () => void = () => {},
  ): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    if (body === null) return null;
    return connection.copy(body, async (before, after) => {
      await this.#carry(from, to, this.faults.partDelayMs);
      if (after > fate.stallAt) await new Promise(() => {});
      return after > fate.cutAt ? Math.max(0, fate.cutAt - before) : undefined;
    }, whenDone);
  }

  #lost(fate: Fate): Promise<never> {
    return fate.silent ? new Promise(() => {}) : Promise.reject(connectionReset());
  }
}
