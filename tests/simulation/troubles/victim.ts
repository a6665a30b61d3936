/**
 * The one seeder on which data may be destroyed: its disk is lost, comes back as it was earlier, or
 * runs twice at once; its bits rot; it fails to read. Every chunk that was acknowledged has a copy
 * on another seeder, so with two copies or more nothing may be lost in the end.
 *
 * A lost disk comes back under a new identity, and until the tracker has missed the old one the
 * same machine counts twice. So after that nothing more is destroyed in this storm.
 */
import { type Random, randomInt } from "../../../roles/kit/random.ts";
import { type Cluster, stateOf } from "../machine/cluster.ts";
import type { Machine } from "../machine/world.ts";

const hows = ["wipe", "readErrors", "rot", "rot", "old", "old", "twin"] as const;
/** What leaves its copy of the log as it is, or none: an older one could be taken for the last. */
const howsWithLog = ["wipe", "readErrors", "rot", "wipe"] as const;

export class Victim {
  /** When data was destroyed last, by the timeline. */
  destroyedMs: number | undefined;
  #wiped = false;
  #image: ReturnType<Machine["disk"]["image"]> | undefined;
  #twin: Machine | undefined;

  constructor(
    private readonly cluster: Cluster,
    readonly machine: Machine,
    private readonly random: Random,
    private readonly startLater: (machine: Machine) => void,
    private readonly later: (mend: () => void) => void,
    /** The tracker's disk may be lost as well, and rebuilt from what the seeders have. */
    private readonly sparesLog: boolean,
  ) {}

  /** Destroys something; which, the dice say. */
  destroy(): void {
    const { world } = this.cluster;
    const { machine, random } = this;
    if (this.#wiped || this.#twin !== undefined) return;
    this.destroyedMs = world.timeline.elapsedMs;
    const choice = this.sparesLog ? howsWithLog : hows;
    const how = choice[randomInt(random, 0, choice.length - 1)];
    if (how === "wipe") {
      this.#wiped = true;
      world.tell(`${machine.name} loses its disk`);
      machine.cutPower();
      machine.disk.wipe();
      machine.disk.plantDirectory(stateOf.seeder);
      this.cluster.onDiskReplaced?.(machine);
      this.cluster.stores.delete(machine);
      return this.startLater(machine);
    }
    if (how === "readErrors") {
      // Long enough for a copy to be read twice in vain, by whoever reads.
      machine.disk.faults.readErrors = random.unit() * 0.6;
      world.tell(`${machine.name} fails to read`);
      const ms = randomInt(random, 100, 25_000);
      world.timeline.after(ms, () => machine.disk.faults.readErrors = 0);
      return;
    }
    if (how === "old") return this.#old();
    if (how === "twin") return this.#double();
    const files = machine.disk.files(stateOf.seeder).filter((file) =>
      holdsChunks(file.path) && (!this.sparesLog || !file.path.startsWith(logOf))
    );
    const file = files[randomInt(random, 0, Math.max(0, files.length - 1))];
    if (file === undefined) return;
    world.tell(`${machine.name}: a bit of ${file.path} rots`);
    machine.disk.rot(file.path);
  }

  /** An image of its disk is taken, and later put in the place of the disk. */
  #old(): void {
    const { machine } = this;
    const { world } = this.cluster;
    if (this.#image === undefined) {
      this.#image = machine.disk.image();
      return world.tell(`an image of the disk of ${machine.name} is taken`);
    }
    world.tell(`${machine.name} is restored from an image of earlier`);
    machine.cutPower();
    machine.disk.wipe(this.#image);
    // Taken before the seeder had ever started.
    machine.disk.plantDirectory(stateOf.seeder);
    this.#image = undefined;
    this.cluster.onDiskReplaced?.(machine);
    this.cluster.stores.delete(machine);
    this.startLater(machine);
  }

  /** Its disk is copied, and both run. One of the two is thrown away later. */
  #double(): void {
    const { machine } = this;
    machine.cutPower();
    this.#twin = this.cluster.newTwin(machine);
    this.cluster.world.tell(`${machine.name} runs twice`);
    const both = [machine, this.#twin];
    if (this.random.unit() < 0.5) both.reverse();
    for (const [i, one] of both.entries()) {
      this.cluster.world.timeline.after(i * 300 + 1, () => one.start());
    }
    this.later(() => this.endTwin());
  }

  /** A person notices, throws one of the two away and starts the other again. */
  endTwin(): void {
    const { machine, cluster } = this;
    const twin = this.#twin;
    if (twin === undefined) return;
    this.#twin = undefined;
    this.destroyedMs = cluster.world.timeline.elapsedMs;
    machine.cutPower();
    twin.cutPower();
    const keepsTwin = this.random.unit() < 0.5;
    cluster.world.tell(`${keepsTwin ? twin.name : machine.name} stays`);
    if (keepsTwin) machine.disk.wipe(twin.disk.image());
    cluster.onDiskReplaced?.(machine);
    cluster.stores.delete(machine);
    cluster.stores.delete(twin);
    cluster.world.remove(twin);
    this.startLater(machine);
  }
}

const logOf = `${stateOf.seeder}/log/`;

/** The identity of a seeder is not data: a seeder whose key rots has to be told to join anew. */
function holdsChunks(path: string): boolean {
  return !/\.json(\.new)?$/.test(path);
}
