/**
 * How much healing may be under way, at each seeder and in all: one knob in three words. Counted
 * in bytes, so that large chunks do not crowd out reading and writing, and in orders, so that
 * small ones do not flood a heartbeat. One order is always allowed: a chunk larger than the knob
 * still moves.
 */
import type { Pace, SeederId } from "../../../protocol/mod.ts";

interface Allowance {
  readonly bytes: number;
  readonly orders: number;
}

const mib = 1024 * 1024;
const perSeeder: Readonly<Record<Pace, Allowance>> = {
  gentle: { bytes: 16 * mib, orders: 32 },
  normal: { bytes: 64 * mib, orders: 256 },
  urgent: { bytes: 256 * mib, orders: 1024 },
};
/** In all no more than this many seeders' worth. */
const seedersMost: Readonly<Record<Pace, number>> = { gentle: 4, normal: 16, urgent: 64 };

export class Budget {
  readonly #load = new Map<SeederId, Allowance>();
  #all: Allowance = { bytes: 0, orders: 0 };

  constructor(private readonly pace: Pace) {}

  /** Orders under way at each seeder. */
  get busy(): ReadonlyMap<SeederId, number> {
    return new Map([...this.#load].map(([seederId, { orders }]) => [seederId, orders]));
  }

  /** Counts a copy that is under way. */
  add(seederIds: readonly SeederId[], bytes: number): void {
    this.#all = sum(this.#all, bytes);
    for (const seederId of seederIds) {
      this.#load.set(seederId, sum(this.#load.get(seederId) ?? { bytes: 0, orders: 0 }, bytes));
    }
  }

  allows(seederIds: readonly SeederId[], bytes: number): boolean {
    const allowance = perSeeder[this.pace];
    const most = seedersMost[this.pace];
    const inAll = { bytes: allowance.bytes * most, orders: allowance.orders * most };
    return fits(this.#all, bytes, inAll) && seederIds.every((seederId) => {
      const load = this.#load.get(seederId);
      return load === undefined || fits(load, bytes, allowance);
    });
  }
}

function sum(load: Allowance, bytes: number): Allowance {
  return { bytes: load.bytes + bytes, orders: load.orders + 1 };
}

function fits(load: Allowance, bytes: number, most: Allowance): boolean {
  return load.orders === 0 || (load.orders < most.orders && load.bytes + bytes <= most.bytes);
}
