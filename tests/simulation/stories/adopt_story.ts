/**
 * What the stories of adopted files share: a small cluster, files that a person left on the disks
 * of its seeders, what a person at a client does with them, and a good end: those files are as they
 * were, and the catalog says where all copies are.
 */
import assert from "node:assert/strict";
import { RemotePath, rootPath } from "../../../protocol/mod.ts";
import { downloadFiles } from "../../../roles/client/transfer/download.ts";
import { silentObserver } from "../../../roles/client/transfer/transfer.ts";
import { uploadFiles } from "../../../roles/client/transfer/upload.ts";
import { listAll } from "../checkers/checkers.ts";
import { Cluster } from "../machine/cluster.ts";
import { bytesOf as contentBytes } from "../people/contents.ts";
import { catalogTellsTheTruth } from "../checkers/truth.ts";
import type { Machine } from "../machine/world.ts";

export const mib = 1024 * 1024;
type Bytes = Uint8Array<ArrayBuffer>;

export function bytesOf(number: number, sizeBytes: number): Bytes {
  return contentBytes({ number: 90_000 + number, sizeBytes });
}

export class AdoptStory {
  readonly cluster: Cluster;
  /** What lies in people's files and must stay as it is, by machine and path. */
  readonly planted = new Map<string, { machine: Machine; path: string; bytes: Bytes }>();

  constructor(seed: number, seeders: number, private readonly copies = 2) {
    this.cluster = new Cluster({ seed, seeders, clients: 1, copies, engine: "memory" });
  }

  get world() {
    return this.cluster.world;
  }

  get session() {
    const session = this.cluster.clients[0]?.session;
    assert(session !== undefined);
    return session;
  }

  seeder(number: number): Machine {
    const machine = this.cluster.seeders[number - 1];
    assert(machine !== undefined);
    return machine;
  }

  plant(machine: Machine, path: string, bytes: Bytes): void {
    const full = `/disk${path}`;
    machine.disk.plantDirectory(full.slice(0, full.lastIndexOf("/")));
    machine.disk.plant(full, bytes);
    this.planted.set(`${machine.name} ${path}`, { machine, path, bytes });
  }

  uproot(machine: Machine, path: string): void {
    machine.disk.uproot(`/disk${path}`);
    this.planted.delete(`${machine.name} ${path}`);
  }

  status() {
    return this.world.timeline.run(this.session.tracker.status({}));
  }

  paths() {
    return this.world.timeline.run(listAll(this.session, rootPath));
  }

  async until(what: string, fits: () => Promise<boolean>, withinMs = 300_000): Promise<number> {
    const startMs = this.world.timeline.elapsedMs;
    while (!await fits()) {
      const tookMs = this.world.timeline.elapsedMs - startMs;
      assert(tookMs < withinMs, `${what}: ${JSON.stringify(await this.status())}`);
      await this.world.timeline.pass(1_000);
    }
    return this.world.timeline.elapsedMs - startMs;
  }

  untilListed(...paths: string[]): Promise<number> {
    const wanted = paths.toSorted();
    return this.until(`${wanted} are listed`, async () => {
      const found = await this.paths();
      return JSON.stringify(found) === JSON.stringify(wanted);
    });
  }

  untilSafe(): Promise<number> {
    return this.until("all have their copies", async () => {
      const { chunksAtRisk, healing, files } = await this.status();
      return files > 0 && chunksAtRisk === 0 && healing.copying === 0;
    });
  }

  async read(path: string): Promise<Bytes | string> {
    const client = this.cluster.clients[0];
    assert(client !== undefined);
    const localPath = "/home/read";
    const wanted = [{ target: { path: RemotePath.parse(path) }, localPath, name: path }];
    const { session } = this;
    return await this.world.timeline.run((async () => {
      const options = { force: true, observer: silentObserver };
      for await (const result of downloadFiles(session, wanted, options)) {
        if (result.fault !== undefined) return `${result.fault.code}: ${result.fault.message}`;
      }
      return client.machine.disk.peek(localPath) ?? "nothing came";
    })());
  }

  async upload(path: string, bytes: Bytes): Promise<void> {
    const client = this.cluster.clients[0];
    assert(client !== undefined);
    client.machine.disk.plant("/home/sent", bytes);
    const { session } = this;
    const localPath = "/home/sent";
    const source = {
      path: RemotePath.parse(path),
      content: { kind: "file", localPath, sizeBytes: bytes.length } as const,
      modifiedMs: client.machine.clock.now(),
      mode: 0o644,
    };
    const options = {
      condition: { kind: "create" },
      observer: silentObserver,
      chunkSizeBytes: 4 * mib,
    } as const;
    await this.world.timeline.run((async () => {
      for await (const result of uploadFiles(session, [source], options)) {
        assert.equal(result.fault, undefined);
      }
    })());
  }

  /** People's files are as they were, and the catalog says where all copies are. */
  async end(): Promise<void> {
    await this.world.timeline.pass(70_000);
    for (const { machine, path, bytes } of this.planted.values()) {
      assert.deepEqual(machine.disk.peek(`/disk${path}`), bytes, `${machine.name} ${path}`);
    }
    for (const seeder of this.cluster.seeders) seeder.kill();
    assert.deepEqual(await this.world.timeline.run(catalogTellsTheTruth(this.cluster)), []);
    assert.deepEqual(this.world.failures, []);
    for (const machine of this.world.machines) machine.kill();
  }
}
