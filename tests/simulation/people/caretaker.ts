/**
 * The administrator of a world, who does what one may do to seeders at any moment, also a bad one:
 * drains and thinks again, announces absences, gives seeders up that then come back, buys new ones,
 * changes the pace. What is refused is not insisted on. In the end everything is put right.
 */
import { asFault, type ClusterStatus, type SeederId } from "../../../protocol/mod.ts";
import type { Session } from "../../../roles/client/cluster/session.ts";
import { type Random, randomInt } from "../../../roles/kit/random.ts";
import { type Cluster, stateOf } from "../machine/cluster.ts";
import { neverExpected } from "../checkers/never_expected.ts";
import type { Machine } from "../machine/world.ts";

export const careKinds = ["drain", "maintenance", "forget", "join", "pace", "confirm"] as const;
export type CareKind = typeof careKinds[number];

const seedersMost = 5;

export class Caretaker {
  /** No more is begun. */
  over = false;
  /** A person does one thing at a time. */
  #busy = false;
  /** What any policy asks for. */
  copiesMost: number;
  /** How many chunks nobody need have any more. */
  lossAllowed: () => number = () => 0;

  constructor(private readonly cluster: Cluster, private readonly random: Random) {
    this.copiesMost = cluster.copies;
  }

  /** Begins it, and does not wait for its end. */
  act(kind: CareKind, seeder: Machine): void {
    if (kind === "join") return this.#join();
    if (this.#busy) return;
    this.#busy = true;
    this.#ask(kind, (session) => this.#care(kind, session, seeder))
      .finally(() => this.#busy = false);
  }

  #join(): void {
    const { seeders, world } = this.cluster;
    if (seeders.length >= seedersMost) return;
    const machine = this.cluster.newSeeder();
    world.tell(`${machine.name} is bought`);
    machine.disk.plantDirectory(stateOf.seeder);
    this.cluster.onBought?.(machine);
    machine.start();
  }

  async #care(kind: CareKind, { tracker }: Session, seeder: Machine): Promise<unknown> {
    const { random } = this;
    const { world } = this.cluster;
    if (kind === "pace") {
      const pace = (["gentle", "normal", "urgent"] as const)[randomInt(random, 0, 2)] ?? "normal";
      return await tracker.setPace({ pace });
    }
    if (kind === "confirm") return await tracker.confirmLoss({});
    const status = await tracker.status({});
    const known = status.seeders.find(({ name }) => name === seeder.name);
    if (known === undefined || this.over) return undefined;
    const { seederId } = known;
    if (kind === "drain") {
      // One that holds nothing may always be drained, and then no upload finds enough places. A
      // machine whose disk was lost has two rows, and is one place or none.
      const left = new Set(
        status.seeders.filter(({ draining, state }) => !draining && state === "green")
          .map(({ name }) => name),
      );
      left.delete(known.name);
      if (!known.draining && left.size < this.copiesMost) return undefined;
      return await tracker.drain({ seederId, cancel: known.draining });
    }
    if (kind === "maintenance") {
      const forMs = known.maintenanceUntilMs === undefined ? 15_000 : null;
      await tracker.maintenance({ seederId, forMs });
      if (this.over) return undefined;
      seeder.cutPower();
      return void world.timeline.after(randomInt(random, 500, 14_000), () => seeder.start());
    }
    seeder.cutPower();
    world.timeline.after(randomInt(random, 13_000, 20_000), () => seeder.start());
    await this.#sleep(12_000);
    if (this.over) return undefined;
    return await tracker.forget({ seederId, acceptLoss: false });
  }

  /** Ends what was begun, and gives up for good the identities that no machine has any more. */
  async putRight(): Promise<void> {
    const { world } = this.cluster;
    const { timeline } = world;
    await timeline.run(this.#ask("puts right", async ({ tracker }) => {
      let { seeders, authority } = await tracker.status({});
      while (isUnclear(seeders) || authority.state === "proving") {
        await this.#sleep(1_000);
        ({ seeders, authority } = await tracker.status({}));
      }
      if (authority.state === "stopped") await tracker.confirmLoss({});
      for (const { seederId, draining, maintenanceUntilMs } of seeders) {
        if (maintenanceUntilMs !== undefined) await tracker.maintenance({ seederId, forMs: null });
        if (draining && this.random.unit() < 0.5) await tracker.drain({ seederId, cancel: true });
      }
      for (const seederId of goneIn(seeders)) {
        const { chunksLost } = await tracker.forget({ seederId, acceptLoss: true });
        if (chunksLost > this.lossAllowed()) {
          world.fail(`${chunksLost} chunks went with seeder ${seederId}`);
        }
      }
    }));
  }

  /** Has everything read again, and waits for it. */
  async scrub(): Promise<void> {
    await this.cluster.world.timeline.run(this.#ask("scrubs", async ({ tracker }) => {
      const { seeders } = await tracker.status({});
      const wanted = seeders.map(({ seederId }) => seederId);
      const { askedMs } = await tracker.scrubNow({ seeders: wanted });
      for (;;) {
        await this.#sleep(2_000);
        const status = await tracker.scrubStatus({});
        if (status.seeders.every(({ verifiedMs }) => (verifiedMs ?? 0) >= askedMs)) return;
      }
    }));
  }

  async #ask(what: string, work: (session: Session) => Promise<unknown>): Promise<void> {
    const { world, clients } = this.cluster;
    const session = clients.find(({ machine }) => machine.ready && machine.running)?.session;
    if (session === undefined) return;
    world.tell(`the administrator: ${what}`);
    try {
      await work(session);
      world.tell(`the administrator: ${what}: done`);
    } catch (error) {
      const { code, message } = asFault(error);
      world.tell(`the administrator: ${what}: ${code}: ${message}`);
      if (neverExpected.includes(code)) world.fail(`${what}: ${code}: ${message}`);
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.cluster.world.timeline.after(ms, resolve));
  }
}

/** Whether a report that was long on its way may make one seem alive that is not. */
function isUnclear(seeders: ClusterStatus["seeders"]): boolean {
  const green = seeders.filter(({ state }) => state === "green").map(({ name }) => name);
  return seeders.some(({ state }) => state === "yellow") || new Set(green).size < green.length;
}

/** Absent ones whose name a green one has. */
export function goneIn(seeders: ClusterStatus["seeders"]): SeederId[] {
  const here = seeders.filter(({ state }) => state === "green").map(({ name }) => name);
  const absent = seeders.filter(({ state }) => state === "red" || state === "away");
  return absent.filter(({ name }) => here.includes(name))
    .map(({ seederId }) => seederId);
}
