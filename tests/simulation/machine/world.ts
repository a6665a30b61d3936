/**
 * The world in one process: a tracker, seeders and clients, each a machine with its own clock, disk
 * and address, running the real roles. Time, dice, network and disks are the simulated ones, so a
 * world made from the same seed and driven the same way tells the same story to the last byte.
 *
 * A machine's program can be killed (its system and disk live on) or lose power (its disk crashes
 * too) at any moment, and be started again. The tracker's catalog survives what a real one
 * survives: all that was committed.
 */
import { createHash } from "node:crypto";
import { asFault, type Transport } from "../../../protocol/mod.ts";
import type { Clock } from "../../../roles/kit/clock.ts";
import type { Disk } from "../../../roles/kit/disk.ts";
import type { Log, LogFields } from "../../../roles/kit/log.ts";
import { type Random, seededRandom } from "../../../roles/kit/random.ts";
import { SimClock, Timeline } from "./sim_clock.ts";
import { SimDisk } from "./sim_disk.ts";
import { SimMount } from "./sim_mount.ts";
import { SimNetwork } from "./sim_network.ts";
import { SimProcess } from "./sim_process.ts";

export const rolePort = 7000;

/** What one life of a role is given. */
export interface Life {
  readonly process: SimProcess;
  readonly clock: Clock;
  readonly disk: Disk;
  readonly random: Random;
  readonly transport: Transport;
  readonly log: Log;
  /** Fires when the program is asked to stop in good order. */
  readonly stop: AbortSignal;
}

/** What runs on a machine: resolves when it has stopped in good order. `ready` once it serves. */
export type Program = (life: Life, ready: () => void) => Promise<void>;

export class Machine {
  readonly clock: SimClock;
  readonly disk: SimDisk;
  /** Where it is mounted: see `lendPlace`. */
  readonly mount: SimMount;
  process: SimProcess | undefined;
  ready = false;
  #lives = 0;
  #stop = new AbortController();

  constructor(
    private readonly world: World,
    readonly name: string,
    readonly host: string,
    private readonly program: Program,
    private readonly diceSeed: number,
  ) {
    this.clock = new SimClock(world.timeline);
    this.disk = new SimDisk({ random: seededRandom(diceSeed), clock: this.clock });
    this.mount = new SimMount(this.disk);
  }

  /** The disk vanishes under the program, and another lies in its place, until `mountDisk`. */
  lendPlace(other: SimDisk): void {
    this.world.tell(`${this.name} has its disk unmounted`);
    this.mount.put(other);
  }

  mountDisk(): void {
    if (this.mount.isHome) return;
    this.world.tell(`${this.name} has its disk again`);
    if (!this.mount.comeBack()) this.world.fail(`${this.name} wrote to a disk that is not its own`);
  }

  get url(): string {
    return `http://${this.host}:${rolePort}`;
  }

  get running(): boolean {
    return this.process?.alive === true;
  }

  start(): void {
    if (this.running || !this.world.machines.includes(this)) return;
    this.world.network.plug(this.host);
    this.mountDisk();
    this.#lives++;
    const process = new SimProcess(`${this.name}#${this.#lives}`);
    this.process = process;
    this.ready = false;
    this.#stop = new AbortController();
    this.world.tell(`${process.name} starts`);
    const life: Life = {
      process,
      clock: process.clock(this.clock),
      disk: process.disk(this.mount.disk()),
      random: seededRandom(this.diceSeed * 1000 + this.#lives),
      transport: process.transport(this.world.network.transport(process, this.host)),
      log: this.world.logOf(process),
      stop: this.#stop.signal,
    };
    this.program(life, () => this.ready = process.alive).then(
      () => {
        if (!process.alive) return;
        this.world.tell(`${process.name} has stopped`);
        process.end();
      },
      (error) => {
        if (!process.alive) return;
        this.world.tell(`${process.name} gave up: ${asFault(error).code} ${error.message}`);
        this.world.onGivenUp(this, error);
        process.end();
      },
    );
  }

  /** Asks the program to stop in good order. */
  stop(): void {
    this.#stop.abort(new Error("stopped"));
  }

  /** The program ends between two instructions; what it gave to its system is safe there. */
  kill(): void {
    if (!this.running) return;
    this.world.tell(`${this.process?.name} is killed`);
    this.process?.end();
  }

  /** As killed, and what the disk had not synced is at the mercy of the dice; nobody is told. */
  cutPower(): void {
    this.world.tell(`${this.name} loses power`);
    this.world.network.unplug(this.host);
    this.process?.end();
    this.disk.crash();
  }
}

export class World {
  readonly timeline = new Timeline();
  readonly network: SimNetwork;
  /** Dice for whoever drives the world. */
  readonly random: Random;
  readonly machines: Machine[] = [];
  /** Every event so far, one line each. */
  readonly trace: string[] = [];
  /** What must not happen and did. */
  readonly failures: string[] = [];
  #made = 0;
  /** Every line of a role's log, for whoever counts what happened. */
  onLog: ((process: SimProcess, event: string) => void) | undefined;
  /** A program that ended by itself: a failure, unless the driver of the world knows better. */
  onGivenUp: (machine: Machine, error: unknown) => void = (machine, error) =>
    this.fail(`${machine.name} gave up: ${error}`);

  constructor(readonly seed: number) {
    this.random = seededRandom(seed);
    this.network = new SimNetwork(
      this.timeline,
      seededRandom(seed + 0x10000),
      (line) => this.tell(line),
    );
  }

  add(name: string, host: string, program: Program): Machine {
    const diceSeed = this.seed * 100 + ++this.#made;
    const machine = new Machine(this, name, host, program, diceSeed);
    this.machines.push(machine);
    return machine;
  }

  /** The machine is thrown away, with its disk. */
  remove(machine: Machine): void {
    machine.cutPower();
    this.machines.splice(this.machines.indexOf(machine), 1);
  }

  tell(line: string): void {
    this.trace.push(`${this.timeline.elapsedMs} ${line}`);
  }

  fail(what: string): void {
    this.tell(`FAILURE ${what}`);
    this.failures.push(what);
  }

  /** SHA-256 of the story so far. */
  traceHash(): string {
    return createHash("sha256").update(this.trace.join("\n")).digest("hex");
  }

  /** Lets time pass until `condition` holds; false when it does not within the time. */
  async until(condition: () => boolean, withinMs: number): Promise<boolean> {
    const endMs = this.timeline.elapsedMs + withinMs;
    while (!condition()) {
      if (this.timeline.elapsedMs >= endMs) return false;
      await this.timeline.pass(50);
    }
    return true;
  }

  /** Lines of a role; one that reports a failure nobody expected is a failure of the world. */
  logOf(process: SimProcess): Log {
    const at = (level: string) => (event: string, fields: LogFields = {}) => {
      if (!process.alive) return;
      const { fault, stack: _, requestId: __, ...rest } = fields;
      const why = fault === undefined ? "" : ` ${asFault(fault).code}: ${asFault(fault).message}`;
      this.onLog?.(process, event);
      if (level !== "debug") this.tell(`${process.name} ${level}: ${event}${why} ${worded(rest)}`);
      if (fault !== undefined && asFault(fault).code === "internal") {
        this.fail(`${process.name}: ${event}${why} ${String(fields["stack"] ?? "")}`);
      }
    };
    return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }
}

function worded(fields: LogFields): string {
  return Object.entries(fields).map(([name, value]) =>
    `${name}=${value instanceof Error ? value.message : JSON.stringify(value)}`
  ).join(" ");
}
