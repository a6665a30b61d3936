/**
 * What goes wrong in a world: draws from the seed which kinds of trouble there are, how bad, and
 * makes them until it is told to stop; then it takes all of them away.
 *
 * It keeps to what the promises allow for: data is destroyed on one seeder only (`victim.ts`), and
 * only where files have two copies or more; and the tracker's disk is lost, again and again, where
 * its log is on seeders before anything is acknowledged. Where both are, no seeder comes back with
 * an older copy of the log. Every other disk may lose power, run full and fail to write as often as
 * it likes.
 */
import { type Random, randomInt, shuffled } from "../../../roles/kit/random.ts";
import { type CareKind, careKinds, Caretaker } from "../people/caretaker.ts";
import type { Cluster } from "../machine/cluster.ts";
import { SimDisk } from "../machine/sim_disk.ts";
import { calmNetwork } from "../machine/sim_network.ts";
import { Impostor } from "./impostor.ts";
import { Victim } from "./victim.ts";
import type { Machine } from "../machine/world.ts";

export const troubleKinds = [
  "kill",
  "crashAtCall",
  "cutPower",
  "blackout",
  "stop",
  "wall",
  "loss",
  "slowNetwork",
  "slowDisk",
  "failingDisk",
  "fullDisk",
  "clock",
  "suspend",
  "rebuild",
  "victim",
  ...careKinds,
] as const;
/** Not in every seed; those that draw one of them have more to do with it. */
const specialKinds = ["away", "hand", "impostor", "vanish"] as const;
export type TroubleKind = typeof troubleKinds[number] | typeof specialKinds[number];

export class Troubles {
  readonly caretaker: Caretaker;
  /** Does something to a person's files on a seeder's disk. */
  hand: ((seeder: Machine) => Promise<void>) | undefined;
  #over = false;
  readonly #victim: Victim | undefined;
  readonly #impostor: Impostor;

  constructor(
    private readonly cluster: Cluster,
    private readonly random: Random,
    private readonly kinds: readonly TroubleKind[],
    /** Longest pause between two troubles. */
    private readonly pauseMs: number,
  ) {
    this.caretaker = new Caretaker(cluster, random);
    this.#impostor = new Impostor(cluster, random);
    const [first] = cluster.seeders;
    const startLater = (machine: Machine) => this.#startLater(machine);
    const later = (mend: () => void) => this.#later(mend);
    const sparesLog = kinds.includes("rebuild");
    if (first !== undefined) {
      this.#victim = new Victim(cluster, first, random, startLater, later, sparesLog);
    }
  }

  /** When data was destroyed last, if any was. */
  get destroyedMs(): number | undefined {
    return this.#victim?.destroyedMs;
  }

  /** Makes trouble until `enough` says so, or `calm` is called. */
  async run(enough: () => boolean): Promise<void> {
    if (this.kinds.length === 0) return;
    while (!enough() && !this.#over) {
      await this.#sleep(randomInt(this.random, 10, this.pauseMs));
      if (this.#over) return;
      const kind = this.kinds[randomInt(this.random, 0, this.kinds.length - 1)];
      if (kind !== undefined) this.#make(kind);
    }
  }

  /** Everything is mended and runs again. */
  calm(): void {
    const { world } = this.cluster;
    this.#over = true;
    this.caretaker.over = true;
    world.tell("calm");
    this.#victim?.endTwin();
    this.#impostor.leave();
    Object.assign(world.network.faults, calmNetwork);
    world.network.heal();
    for (const machine of world.machines) {
      machine.mountDisk();
      Object.assign(machine.disk.faults, {
        readErrors: 0,
        writeErrors: 0,
        syncErrors: 0,
        slowMs: 0,
      });
      machine.disk.capacityBytes = 2 ** 33;
      machine.process?.crashAtCall(Infinity, () => {});
      machine.start();
    }
  }

  #make(kind: TroubleKind): void {
    const { random } = this;
    const { world } = this.cluster;
    const machine = this.#any(world.machines);
    const seeder = this.#any(this.cluster.seeders);
    switch (kind) {
      case "kill":
        machine.kill();
        return this.#startLater(machine);
      case "crashAtCall": {
        const power = random.unit() < 0.5;
        return machine.process?.crashAtCall(randomInt(random, 1, 100), () => {
          if (power) machine.cutPower();
          else machine.kill();
          this.#startLater(machine);
        });
      }
      case "cutPower":
        machine.cutPower();
        return this.#startLater(machine);
      case "blackout":
        for (const each of world.machines) {
          each.cutPower();
          this.#startLater(each);
        }
        return;
      case "stop":
        seeder.stop();
        return this.#startLater(seeder, 4000);
      case "vanish":
        return this.#vanish(seeder);
      case "away":
        seeder.cutPower();
        return this.#startLater(seeder, 15_000);
      case "wall": {
        const [one, other] = shuffled(random, world.machines);
        if (one === undefined || other === undefined) return;
        world.tell(`wall between ${one.name} and ${other.name}`);
        world.network.wall(one.host, other.host);
        if (random.unit() < 0.5) world.network.wall(other.host, one.host);
        return this.#later(() => world.network.heal());
      }
      case "loss": {
        const share = random.unit() * 0.2;
        world.tell(`loss ${share}`);
        Object.assign(world.network.faults, {
          requestsLost: share / 2,
          repliesLost: share,
          requestsDoubled: share,
          reportsLate: share,
          bodiesCut: share / 2,
          bodiesStalled: share / 4,
        });
        return this.#later(() => {
          const { delayMs, partDelayMs } = world.network.faults;
          Object.assign(world.network.faults, calmNetwork, { delayMs, partDelayMs });
        });
      }
      case "slowNetwork":
        Object.assign(world.network.faults, {
          delayMs: 2 ** randomInt(random, 2, 9),
          partDelayMs: random.unit() < 0.5 ? 0 : 2 ** randomInt(random, 0, 4),
        });
        return this.#later(() => {
          const { delayMs, partDelayMs } = calmNetwork;
          Object.assign(world.network.faults, { delayMs, partDelayMs });
        });
      case "slowDisk":
        machine.disk.faults.slowMs = 2 ** randomInt(random, 1, 7);
        return this.#later(() => machine.disk.faults.slowMs = 0);
      case "failingDisk":
        seeder.disk.faults.writeErrors = random.unit() * 0.2;
        seeder.disk.faults.syncErrors = random.unit() * 0.5;
        world.tell(`${seeder.name} fails to write`);
        return this.#later(() => {
          seeder.disk.faults.writeErrors = 0;
          seeder.disk.faults.syncErrors = 0;
        });
      case "fullDisk":
        machine.disk.capacityBytes = machine.disk.usedBytes + randomInt(random, 0, 2_000_000);
        world.tell(`${machine.name} is nearly full`);
        return this.#later(() => machine.disk.capacityBytes = 2 ** 33);
      case "clock":
        // A program's clock never jumps while it lives, so the jump waits for the next life.
        machine.kill();
        machine.clock.skewMs += randomInt(random, -3_600_000, 3_600_000);
        world.tell(`${machine.name}'s clock is now off by ${machine.clock.skewMs} ms`);
        return this.#startLater(machine);
      case "suspend":
        // As a machine that slept: its clock runs ahead of what it noticed.
        machine.clock.skewMs += 2 ** randomInt(random, 8, 20);
        return world.tell(`${machine.name} slept, it is now off by ${machine.clock.skewMs} ms`);
      case "rebuild":
        if (this.cluster.loseTrackerDisk()) this.#startLater(this.cluster.tracker);
        return;
      case "victim":
        return this.#victim?.destroy();
      case "impostor":
        this.#impostor.standIn();
        return this.#later(() => this.#impostor.leave());
      case "hand":
        return void this.hand?.(seeder);
      default:
        return this.caretaker.act(kind satisfies CareKind, seeder);
    }
  }

  /** Nothing, an empty folder, or another seeder's disk lies in its place. */
  #vanish(seeder: Machine): void {
    const { random, cluster } = this;
    if (!seeder.ready || !seeder.running || !seeder.mount.isHome) return;
    const place = new SimDisk({ random });
    const kind = random.unit();
    if (kind < 0.3) place.plantDirectory("/disk");
    else if (kind < 0.6) {
      place.wipe(this.#any(cluster.seeders.filter((each) => each !== seeder)).disk.image());
    }
    seeder.lendPlace(place);
    // Some for longer than it takes to be missed.
    cluster.world.timeline.after(randomInt(random, 100, 20_000), () => seeder.mountDisk());
  }

  #any<T>(items: readonly T[]): T {
    return items[randomInt(this.random, 0, items.length - 1)] as T;
  }

  #startLater(machine: Machine, leastMs = 0): void {
    const ms = leastMs + randomInt(this.random, 1, this.random.unit() < 0.7 ? 1000 : 12_000);
    this.cluster.world.timeline.after(ms, () => machine.start());
  }

  #later(mend: () => void): void {
    const ms = randomInt(this.random, 100, 8000);
    this.cluster.world.timeline.after(ms, () => this.#over || mend());
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.cluster.world.timeline.after(ms, resolve));
  }
}
