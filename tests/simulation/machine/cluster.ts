/**
 * A cluster in a world: one tracker, seeders and clients as machines that run the real roles over
 * simulated disks. A part of a role can be wrapped, which is how the checkers are shown a broken
 * build.
 */
import type { Credentials } from "../../../roles/client/cluster/credentials.ts";
import { login, openSession, type Session } from "../../../roles/client/cluster/session.ts";
import { type ChunkId, limits, RecoveryCode, rootPath } from "../../../protocol/mod.ts";
import { type Disk, readWhole } from "../../../roles/kit/disk.ts";
import { Anchor, openDiskStore, openSeeder, type SeederParts } from "../../../roles/seeder/mod.ts";
import type { App } from "../../../roles/kit/serve.ts";
import type { ChunkStore } from "../../../roles/seeder/store/chunk_store.ts";
import type { Catalog } from "../../../roles/tracker/catalog/catalog.ts";
import {
  MemoryCatalogData,
  openMemoryCatalog,
} from "../../../roles/tracker/catalog/memory_catalog.ts";
import {
  openSqliteCatalog,
  openTracker,
  type Scratch,
  type ScratchName,
  type Tracker,
  type TrackerParts,
} from "../../../roles/tracker/mod.ts";
import type { LogSync } from "../../../roles/tracker/plan/log_sync.ts";
import { randomInt, seededRandom } from "../../../roles/kit/random.ts";
import { restlessCatalog } from "./restless_catalog.ts";
import { wayBack } from "./ways_back.ts";
import { type Life, type Machine, rolePort, World } from "./world.ts";

/** Each puts something broken in the place of a good part. */
export interface Wrappers {
  readonly catalog?: (catalog: Catalog) => Catalog;
  readonly seederDisk?: (disk: Disk, name: string) => Disk;
  readonly store?: (store: ChunkStore, name: string) => ChunkStore;
  readonly clientDisk?: (disk: Disk) => Disk;
  readonly answer?: SeederParts["answer"];
}

export interface ClusterOptions {
  readonly seed: number;
  readonly seeders: number;
  readonly clients: number;
  readonly copies: number;
  readonly engine: "memory" | "sqlite";
  /** Transactions take their time, are aborted and run again; with the memory engine only. */
  readonly restless?: boolean;
  readonly wrappers?: Wrappers;
  /** Of the disks for the trash, and as much for earlier versions; without it all of them. */
  readonly share?: number;
  /** What an acknowledgement waits for; `auto` without it. */
  readonly logSync?: LogSync;
  /** How often the tracker makes snapshots; without it there are none. */
  readonly snapshots?: TrackerParts["snapshots"];
}

/** What an operator copied of the tracker's disk: its files, and its catalog with the log. */
export interface TrackerImage {
  readonly disk: ReturnType<Machine["disk"]["image"]>;
  readonly catalog: MemoryCatalogData;
  /** The last operation in it. */
  readonly sequence: number;
}

/** Where a role keeps its state on its disk. */
export const stateOf = { tracker: "/disk/.offshore/tracker", seeder: "/disk/.offshore/seeder" };

export class ClientMachine {
  credentials: Credentials | undefined;
  session: Session | undefined;
  constructor(readonly machine: Machine) {}
}

export class Cluster {
  readonly world: World;
  readonly tracker: Machine;
  readonly seeders: Machine[] = [];
  readonly clients: ClientMachine[] = [];
  /** The chunks on each seeder's disk, as they were last seen there. */
  readonly stores = new Map<Machine, ChunkStore>();
  /** Called before a copy is given up on a disk. */
  onDrop: ((machine: Machine, chunkId: ChunkId) => Promise<void>) | undefined;
  /** Called when a machine was given another disk. */
  onDiskReplaced: ((machine: Machine) => void) | undefined;
  /** Called with a machine that was bought, before it starts. */
  onBought: ((machine: Machine) => void) | undefined;
  /** The running tracker, for the codes a person would read on its screen. */
  #tracker: Tracker | undefined;
  #catalogData = new MemoryCatalogData();
  #opened: Catalog | undefined;
  #sqlite: Catalog | undefined;
  #scratch = new Map<ScratchName, MemoryCatalogData>();
  /** What a person wrote down at the first start. */
  #recoveryCode: RecoveryCode | undefined;
  /** How often the tracker lost its disk. */
  disksLost = 0;
  #rebuilding = false;
  /** The tracker's next start is with `--catch-up`. */
  catchesUp = false;
  #anchors = 0;

  constructor(readonly options: ClusterOptions) {
    this.world = new World(options.seed);
    this.tracker = this.world.add("tracker", "10.0.0.1", (life, ready) => this.#track(life, ready));
    for (let i = 1; i <= options.seeders; i++) this.newSeeder();
    for (let i = 1; i <= options.clients; i++) {
      const machine: Machine = this.world.add(
        `client-${i}`,
        `10.0.2.${i}`,
        (life, ready) => this.#ask(client, life, ready),
      );
      const client = new ClientMachine(machine);
      this.clients.push(client);
    }
  }

  /** Of each file, where no policy says otherwise. */
  get copies(): number {
    return this.options.copies;
  }

  /** Nobody goes on with the uploads under way. */
  async giveUpUploads(): Promise<void> {
    const { session } = this.clients.find(({ machine }) => machine.ready) ?? {};
    const uploadIds = await this.recorded().read((view) => view.uploadsEndedBefore(2 ** 52, 1000));
    if (uploadIds.length > 0) await session?.tracker.abandonUploads({ uploadIds });
  }

  /** How seeders answer for chunks in a broken build. */
  get answer(): SeederParts["answer"] {
    return this.options.wrappers?.answer;
  }

  /** As a person reads it on the tracker's screen. */
  joinCode(): string | undefined {
    return this.tracker.running ? this.#tracker?.joinCode() : undefined;
  }

  /** One more machine for a seeder, not started. */
  newSeeder(): Machine {
    const number = this.seeders.length + 1;
    const name = `seeder-${number}`;
    const host = `10.0.1.${number}`;
    const machine: Machine = this.world.add(
      name,
      host,
      (life, ready) => this.#seed(machine, name, life, ready),
    );
    this.seeders.push(machine);
    return machine;
  }

  /** A second machine with a copy of the disk of `machine`, and so with its name and identity. */
  newTwin(machine: Machine): Machine {
    const host = machine.host.replace("10.0.1.", "10.0.3.");
    const twin: Machine = this.world.add(
      `${machine.name}-twin`,
      host,
      (life, ready) => this.#seed(twin, machine.name, life, ready),
    );
    twin.disk.wipe(machine.disk.image());
    return twin;
  }

  /** What the tracker's catalog says, whether a tracker runs or not. */
  recorded(): Catalog {
    return this.#opened ??= this.#sqlite ?? openMemoryCatalog(this.#catalogData);
  }

  /** Makes the disks, starts every machine and waits until all seeders have joined. */
  async begin(): Promise<void> {
    const { world } = this;
    for (const machine of world.machines) {
      const state = machine === this.tracker ? stateOf.tracker : stateOf.seeder;
      machine.disk.plantDirectory(state);
      machine.disk.plantDirectory("/home");
      machine.start();
    }
    const all = await world.until(() => world.machines.every((machine) => machine.ready), 60_000);
    if (!all) world.fail("the machines did not all start");
    if (!await this.allGreen(60_000)) world.fail("the seeders were not all green after the start");
    const session = this.clients[0]?.session;
    const policy = { path: rootPath, versions: limits.versionsMax };
    if (session !== undefined) await world.timeline.run(session.tracker.setPolicy(policy), 60_000);
  }

  /** Whether the tracker comes to see every seeder green and writable within this time. */
  async allGreen(withinMs: number): Promise<boolean> {
    const { world } = this;
    const endMs = world.timeline.elapsedMs + withinMs;
    while (world.timeline.elapsedMs < endMs) {
      const session = this.clients.find((client) => client.machine.ready)?.session;
      if (session === undefined) return false;
      try {
        const status = await world.timeline.run(session.tracker.status({}), 10 * 60_000);
        const green = status.seeders.filter((one) =>
          one.state === "green" && one.writable && !one.name.startsWith("liar")
        );
        if (green.length === this.seeders.length) return true;
      } catch (error) {
        world.tell(`no status: ${error}`);
      }
      await world.timeline.pass(900);
    }
    return false;
  }

  /**
   * The tracker ends and its disk is gone for good; at its next start it is rebuilt from the
   * seeders. False when nobody has read its recovery code yet, and nothing happens.
   */
  loseTrackerDisk(): boolean {
    const { tracker, world } = this;
    if (this.#recoveryCode === undefined) return false;
    tracker.kill();
    this.disksLost++;
    world.tell("the tracker's disk is lost");
    tracker.disk.uproot(stateOf.tracker);
    tracker.disk.plantDirectory(stateOf.tracker);
    this.#catalogData = new MemoryCatalogData();
    this.#sqlite = undefined;
    this.#opened = undefined;
    this.#scratch.clear();
    this.#rebuilding = true;
    return true;
  }

  /**
   * Copies the tracker's disk while it may be running. Undefined where that cannot be had at this
   * moment: a transaction is under way, or the engine is SQLite, whose pages no simulated disk has.
   */
  trackerImage(): TrackerImage | undefined {
    if (this.options.engine !== "memory") return undefined;
    const catalog = this.#catalogData.image();
    if (catalog === undefined) return undefined;
    const sequence = catalog.log.lastKey() ?? 0;
    this.world.tell(`an image of the tracker's disk is taken, at operation ${sequence}`);
    return { disk: this.tracker.disk.image(), catalog, sequence };
  }

  /** The tracker ends, and at its next start has the disk of an earlier time. */
  setTrackerBack({ disk, catalog, sequence }: TrackerImage): void {
    const { tracker, world } = this;
    tracker.cutPower();
    world.tell(`the tracker's disk is set back to operation ${sequence}`);
    tracker.disk.wipe(disk);
    tracker.disk.plantDirectory(stateOf.tracker);
    const data = catalog.image();
    if (data === undefined) throw new Error("an image has no transaction under way");
    this.#catalogData = data;
    this.#opened = undefined;
    // Scratch catalogs are made anew from what is there.
    this.#scratch.clear();
  }

  async #track(life: Life, ready: () => void): Promise<void> {
    const catalog = await this.#catalog(life);
    const state = stateOf.tracker;
    const code = this.#rebuilding ? this.#recoveryCode : undefined;
    if (this.catchesUp || code !== undefined) {
      const listen = (app: App) =>
        this.world.network.listen(life.process, this.tracker.host, rolePort, app);
      const parts = { world: this.world, life, catalog, stateDirectory: state, listen };
      if (!await wayBack(parts, code)) return;
      this.catchesUp = false;
    }
    const tracker = await openTracker({
      catalog: this.options.wrappers?.catalog?.(catalog) ?? catalog,
      disk: life.disk,
      stateDirectory: state,
      logSync: this.options.logSync ?? "auto",
      publicUrl: this.tracker.url,
      clock: life.clock,
      random: life.random,
      transport: life.transport,
      log: life.log,
      copiesDefault: this.options.copies,
      trashShareMax: this.options.share ?? keepsAll,
      versionsShareMax: this.options.share ?? keepsAll,
      ...this.options.snapshots === undefined ? {} : {
        scratch: this.#scratchOf(life),
        snapshots: this.options.snapshots,
      },
    });
    if (!life.process.alive) return;
    this.#recoveryCode ??= await recoveryCodeOn(life.disk);
    if (!life.process.alive) return;
    this.#rebuilding = false;
    this.#tracker = tracker;
    this.world.network.listen(life.process, this.tracker.host, rolePort, tracker.app);
    ready();
    await tracker.run(life.stop);
    await tracker.close();
  }

  /**
   * The data live on; what the earlier life of the tracker began in the memory engine is undone.
   */
  async #catalog({ random, clock }: Life): Promise<Catalog> {
    if (this.options.engine === "memory") {
      const opened = this.#opened = openMemoryCatalog(this.#catalogData);
      if (this.options.restless !== true) return opened;
      return restlessCatalog(opened, seededRandom(randomInt(random, 0, 2 ** 31)), clock);
    }
    // SQLite in memory ends with its connection, so all lives of the tracker share one.
    this.#sqlite ??= await openSqliteCatalog(":memory:");
    const shared = this.#opened = this.#sqlite;
    return {
      transaction: (work) => shared.transaction(work),
      read: (work) => shared.read(work),
      close: () => Promise.resolve(),
    };
  }

  /** They live as long as the disk, and no longer than a life may one be written. */
  #scratchOf({ process }: Life): Scratch {
    const all = this.#scratch;
    return {
      open: (name) =>
        process.gate(() => {
          const data = all.get(name) ?? new MemoryCatalogData();
          all.set(name, data);
          return Promise.resolve(openMemoryCatalog(data));
        }),
      remove: (name) => process.gate(() => Promise.resolve(void all.delete(name))),
    };
  }

  async #seed(machine: Machine, name: string, life: Life, ready: () => void): Promise<void> {
    const { wrappers } = this.options;
    const bare = wrappers?.seederDisk?.(life.disk, name) ?? life.disk;
    const { clock, random, log, transport } = life;
    const directory = stateOf.seeder;
    const anchor = await Anchor.drop(bare, directory, seededRandom(++this.#anchors));
    const disk = anchor.held();
    const folder = "/disk";
    const opened = await openDiskStore({ disk, directory, folder, clock, random, log });
    if (!life.process.alive) return;
    this.stores.set(machine, opened);
    const watched: ChunkStore = {
      ...opened,
      drop: async (chunkId) => {
        await this.onDrop?.(machine, chunkId);
        return await opened.drop(chunkId);
      },
    };
    const store = wrappers?.store?.(watched, name) ?? watched;
    const seeder = await openSeeder({
      store,
      disk,
      anchor,
      stateDirectory: directory,
      ...(opened.adopted === undefined
        ? {}
        : { adopt: { folder, files: opened.adopted, enabled: true } }),
      name,
      joinCode: () => Promise.resolve(this.joinCode()),
      ...wrappers?.answer === undefined ? {} : { answer: wrappers.answer },
      clock,
      random,
      transport,
      log,
    });
    this.world.network.listen(life.process, machine.host, rolePort, seeder.app);
    ready();
    await seeder.run({ port: rolePort }, life.stop);
    await seeder.close();
    await store.close();
  }

  /** A client only keeps a session open: what it asks for is the driver's affair. */
  async #ask(client: ClientMachine, life: Life, ready: () => void): Promise<void> {
    const { clock, random, transport, log, process } = life;
    const disk = this.options.wrappers?.clientDisk?.(life.disk) ?? life.disk;
    while (client.credentials === undefined && process.alive) {
      const code = this.tracker.ready ? this.#tracker?.loginCode() : undefined;
      if (code === undefined) await clock.sleep(100);
      else client.credentials = await login({ code, transport, clock, random, log });
    }
    if (client.credentials === undefined) return;
    const { trackerAddress, token } = client.credentials;
    const session = openSession({ trackerAddress, token, clock, random, transport, disk, log });
    client.session = session;
    ready();
    await new Promise((resolve) => life.stop.addEventListener("abort", resolve));
  }
}

/** Disks of the world grow small for a while: where nothing else is said all fits all the same. */
const keepsAll = 1000;

async function recoveryCodeOn(disk: Disk): Promise<RecoveryCode | undefined> {
  const bytes = await readWhole(disk, `${stateOf.tracker}/codes/recovery`).catch(() => undefined);
  return RecoveryCode.safeParse(new TextDecoder().decode(bytes).trim()).data;
}
