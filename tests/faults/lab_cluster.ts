/**
 * A cluster on the hosts of a lab: a tracker, seeders, a client that is at the mercy of the network
 * and an operator that is not. Roles are started, killed, frozen, cut off and brought back by name;
 * what the tracker says of itself is asked through the operator.
 */
import assert from "node:assert/strict";
import { ClusterStatus, type SeederView } from "../../protocol/mod.ts";
import { until } from "../cluster/cluster.ts";
import { Agent } from "./agents.ts";
import { Lab, type LabProcess } from "./lab.ts";
import { programWords } from "./program.ts";

const trackerPort = 7420, seederPort = 7421;
const delayProxy = new URL("delay_proxy.ts", import.meta.url).pathname;

export interface LabClusterOptions {
  readonly seeders?: number;
  readonly trackerEnv?: Readonly<Record<string, string>>;
  /** Called for each host before anything runs on it: mounts of its own. */
  readonly prepare?: (lab: Lab) => Promise<void>;
}

export class LabCluster implements AsyncDisposable {
  readonly #running = new Map<string, LabProcess>();
  readonly operator: Agent;
  readonly client: Agent;

  private constructor(
    readonly lab: Lab,
    readonly seeders: string[],
    private readonly program: readonly string[],
    private readonly trackerEnv: Readonly<Record<string, string>>,
  ) {
    this.operator = new Agent(lab, undefined, this.clientEnv("operator"));
    this.client = new Agent(lab, "client", this.clientEnv("client"));
  }

  static async start(options: LabClusterOptions = {}): Promise<LabCluster> {
    const seeders = Array.from({ length: options.seeders ?? 3 }, (_, i) => `seeder-${i + 1}`);
    const hosts: Record<string, string> = { tracker: "11.56.1.21", client: "11.56.1.61" };
    seeders.forEach((name, i) => hosts[name] = `11.56.1.${41 + i}`);
    const lab = await Lab.start(hosts);
    const cluster = new LabCluster(lab, seeders, await programWords(), options.trackerEnv ?? {});
    try {
      await options.prepare?.(lab);
      await cluster.startRole("tracker");
      await Promise.all(seeders.map((name) => cluster.startRole(name)));
      await Promise.all([cluster.operator.start(), cluster.client.start()]);
      await cluster.untilWell();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  diskOf(name: string): string {
    return `${this.lab.directory}/${name}`;
  }

  /** The chunk store of a seeder, as this process reaches it. */
  storeOf(name: string): string {
    return this.lab.insideOf(`${this.diskOf(name)}/.offshore/seeder`);
  }

  clientEnv(name: string): Record<string, string> {
    return {
      NO_COLOR: "1",
      OFFSHORE_STATE: `${this.lab.directory}/${name}-state`,
      OFFSHORE_LOGIN_CODE_FILE: `${this.diskOf("tracker")}/.offshore/tracker/codes/login`,
    };
  }

  /** Starts a role on its host, for the first time or again. */
  async startRole(name: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
    assert(!this.#running.has(name), `${name} runs already`);
    const isTracker = name === "tracker";
    const port = isTracker ? trackerPort : seederPort;
    const process = await this.lab.spawn(this.program, {
      host: name,
      env: {
        OFFSHORE_ROLE: isTracker ? "tracker" : "seeder",
        OFFSHORE_DISK: this.diskOf(name),
        OFFSHORE_LISTEN: `${this.lab.addressOf(name)}:${port}`,
        ...(isTracker ? this.trackerEnv : {
          OFFSHORE_NAME: name,
          // Strangers' files on the disks take room here and are nobody's.
          OFFSHORE_ADOPT: "no",
          OFFSHORE_JOIN_CODE_FILE: `${this.diskOf("tracker")}/.offshore/tracker/codes/join`,
        }),
        ...env,
      },
    });
    this.#running.set(name, process);
    const log = await Deno.open(`${this.lab.directory}/${name}.log`, {
      append: true,
      create: true,
    });
    process.parent.stderr.pipeTo(log.writable).catch(() => {});
    await firstLine(
      process.parent.stdout,
      /listening on http:\S+\n/,
      name,
      () => this.logOf(name),
    );
  }

  /** Starts a role so that everybody else reaches it over a wire that is long. */
  async startFar(name: string, delayMs: number): Promise<LabProcess> {
    const isTracker = name === "tracker";
    const inner = "127.0.0.1:7430";
    const outer = `${this.lab.addressOf(name)}:${isTracker ? trackerPort : seederPort}`;
    const words = [Deno.execPath(), "run", "-A", "--quiet", delayProxy, outer, inner];
    const proxy = await this.lab.spawn([...words, String(delayMs)], { host: name });
    await firstLine(proxy.parent.stdout, /listening\n/, name, () => Promise.resolve(""));
    await this.startRole(name, {
      OFFSHORE_LISTEN: inner,
      ...(isTracker ? { OFFSHORE_PUBLIC_URL: `http://${outer}` } : { OFFSHORE_ADVERTISE: outer }),
    });
    return proxy;
  }

  async addSeeder(name: string, prepare?: (lab: Lab) => Promise<void>): Promise<void> {
    await this.lab.addHost(name, `11.56.1.${40 + Number(name.split("-")[1])}`);
    this.seeders.push(name);
    await prepare?.(this.lab);
    await this.startRole(name);
  }

  /**
   * Kills it, has it forgotten as soon as it is red, and counts on nothing it has any more. When it
   * was red, by this process's clock.
   */
  async loseForEver(name: string): Promise<number> {
    await this.end(name);
    await this.untilState(name, "red");
    const redMs = performance.now();
    await this.operator.ok("forget", name);
    this.seeders.splice(this.seeders.indexOf(name), 1);
    return redMs;
  }

  logOf(name: string): Promise<string> {
    return Deno.readTextFile(`${this.lab.directory}/${name}.log`).catch(() => "");
  }

  /** The end of every role's log, for a failure to be understood. */
  async logs(): Promise<string> {
    const tails = ["tracker", ...this.seeders].map(async (name) =>
      `--- ${name}\n${(await this.logOf(name)).split("\n").slice(-30).join("\n")}`
    );
    return (await Promise.all(tails)).join("\n");
  }

  runs(name: string): boolean {
    return this.#running.has(name);
  }

  pidOf(name: string): number {
    return this.#get(name).pid;
  }

  signal(name: string, signal: Deno.Signal): void {
    this.#get(name).signal(signal);
  }

  async end(name: string, signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    const process = this.#get(name);
    await process.end(signal);
    this.#running.delete(name);
  }

  #get(name: string): LabProcess {
    const process = this.#running.get(name);
    assert(process !== undefined, `${name} does not run`);
    return process;
  }

  async status(): Promise<ClusterStatus> {
    const told = JSON.parse(await this.operator.told("status", "--json"));
    const { state: _, healthy: __, problems: ___, ...status } = told;
    return ClusterStatus.parse(status);
  }

  /** One that came back empty has its old self beside it, silent for ever: the latest heard. */
  async stateOf(name: string): Promise<string | undefined> {
    const silence = ({ silentMs }: SeederView) => silentMs ?? Infinity;
    const selves = (await this.status()).seeders.filter((seeder) => seeder.name === name);
    return selves.toSorted((a, b) => silence(a) - silence(b))[0]?.state;
  }

  async untilState(name: string, state: string, limitMs = 60_000): Promise<void> {
    await until(`${name} is ${state}`, async () => await this.stateOf(name) === state, limitMs);
  }

  /** All seeders that run are green and every chunk has the copies it should have. */
  async untilWell(limitMs = 300_000): Promise<void> {
    const running = this.seeders.filter((name) => this.runs(name)).length;
    await until(`${running} green seeders and no chunk at risk`, async () => {
      const status = await this.status();
      const green = status.seeders.filter(({ state }) => state === "green").length;
      return green === running && status.chunksAtRisk === 0;
    }, limitMs).catch(async (error) => {
      const status = JSON.stringify(await this.status().catch(String));
      throw new Error(`${error.message}\n${status}\n${await this.logs()}`);
    });
  }

  async stop(): Promise<void> {
    const names = [...this.seeders, "tracker"].filter((name) => this.runs(name));
    for (const name of names) await this.end(name, "SIGTERM");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]();
    await Promise.all([...this.#running.values()].map(({ parent }) => parent.status));
  }
}

async function firstLine(
  stream: ReadableStream<Uint8Array>,
  pattern: RegExp,
  name: string,
  log: () => Promise<string>,
): Promise<void> {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!pattern.test(text)) {
    const { value, done } = await reader.read();
    assert(!done, `${name} did not start: ${await log()}`);
    text += value;
  }
  (async () => {
    while (!(await reader.read()).done) continue;
  })().catch(() => {});
}
