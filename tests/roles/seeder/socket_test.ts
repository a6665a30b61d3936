/** A seeder on a real disk behind a real socket: what only the runtime's HTTP can show. */
import assert from "node:assert/strict";
import { Fault, type Transport } from "../../../protocol/mod.ts";
import { listen } from "../../../roles/kit/listen.ts";
import { silentLog } from "../../../roles/kit/log.ts";
import { systemRandom } from "../../../roles/kit/random.ts";
import { systemDisk } from "../../../roles/kit/system_disk.ts";
import { systemTransport } from "../../../roles/kit/system_transport.ts";
import { openDiskStore } from "../../../roles/seeder/mod.ts";
import { chunkOf, inParts } from "../../conformance/chunk_store_suite.ts";
import { type Running, SeederWorld, until } from "./seeder_world.ts";

interface Socketed {
  readonly world: SeederWorld;
  readonly at: Running;
  readonly address: string;
  readonly port: number;
  readonly directory: string;
  readonly transport: Transport;
}

async function onSocket(work: (parts: Socketed) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "offshore-seeder-" });
  const world = new SeederWorld();
  const store = await openDiskStore({
    disk: systemDisk(),
    directory,
    clock: world.clock,
    random: systemRandom(),
    log: silentLog,
    reserveBytes: 0,
  });
  const at = await world.start("one", { store });
  const listener = await listen(at.seeder.app, "127.0.0.1", 0);
  const transport = systemTransport();
  try {
    const address = `http://127.0.0.1:${listener.port}`;
    await work({ world, at, address, port: listener.port, directory, transport });
  } finally {
    await world.close();
    transport.close();
    await listener.stop(1_000);
    await store.close();
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("a large chunk goes in as a stream and comes out whole, in ranges and by HEAD", () =>
  onSocket(async ({ world, at, address, transport }) => {
    const size = 40_000_000;
    const { chunkId, bytes } = chunkOf(1, size);
    const call = world.call(at, transport, address);
    const leave = world.leave(at, "store", chunkId, size);
    const body = ReadableStream.from(inParts(bytes));
    const input = { chunkId, size: String(size), leave };
    assert.equal((await call.storeChunk(input, { bytes: body })).receipts.length, 1);
    const read = { ...input, leave: world.leave(at, "read", chunkId, size) };
    const whole = await call.readChunk(read);
    assert.equal(whole.headers.get("content-length"), String(size));
    assert.deepEqual(await whole.bytes(), bytes);
    const part = await call.readChunk({ ...read, range: "bytes=10000000-10000099" });
    assert.equal(part.status, 206);
    assert.deepEqual(await part.bytes(), bytes.slice(10_000_000, 10_000_100));
    const head = await call.headChunk(read);
    assert.equal(head.headers.get("content-length"), String(size));
    // A reader that goes away early leaves nothing open: Deno's tests would report the file.
    const left = await call.readChunk(read);
    await left.body?.cancel();
  }));

Deno.test("a PUT cut off in the middle stores nothing, and the seeder goes on", () =>
  onSocket(async ({ world, at, address, port, directory, transport }) => {
    const size = 5_000_000;
    const { chunkId, bytes } = chunkOf(2, size);
    const leave = world.leave(at, "store", chunkId, size);
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const head = [
      `PUT /v1/chunks/${chunkId}?size=${size} HTTP/1.1`,
      "host: seeder",
      "offshore-protocol: 2",
      `offshore-leave: ${leave}`,
      `content-length: ${size}`,
      "",
      "",
    ].join("\r\n");
    await connection.write(new TextEncoder().encode(head));
    const half = bytes.subarray(0, size / 2);
    for (let sent = 0; sent < half.length;) {
      sent += await connection.write(half.subarray(sent));
    }
    const temporaries = () => Array.from(Deno.readDirSync(`${directory}/tmp`)).length;
    await until(() => temporaries() === 1, "the chunk is being written");
    connection.close();
    await until(() => temporaries() === 0, "the temporary file is removed");
    assert.equal(at.store.sizeOf(chunkId), undefined);
    const call = world.call(at, transport, address);
    const reply = await call.storeChunk({ chunkId, size: String(size), leave }, { bytes });
    assert.equal(reply.receipts.length, 1);
  }));

Deno.test("a refused PUT gets its fault though its body was not read, again and again", () =>
  onSocket(async ({ world, at, address, transport }) => {
    const size = 4 * 1024 * 1024;
    const { chunkId, bytes } = chunkOf(3, size);
    const call = world.call(at, transport, address);
    const late = world.leave(at, "store", chunkId, size, -1);
    for (let round = 0; round < 8; round++) {
      await assert.rejects(
        call.storeChunk({ chunkId, size: String(size), leave: late }, { bytes }),
        (error) => error instanceof Fault && error.code === "leave-expired",
      );
    }
    const leave = world.leave(at, "store", chunkId, size);
    const reply = await call.storeChunk({ chunkId, size: String(size), leave }, { bytes });
    assert.equal(reply.receipts.length, 1);
  }));

Deno.test("a chain over sockets makes both copies, and a next seeder that hangs up harms only itself", () =>
  onSocket(async ({ world, address, at, transport }) => {
    // The first of the chain must call out over real sockets.
    const inside = world.transport;
    const first = world.apps.get(at.address);
    assert.ok(first !== undefined);
    const size = 9_000_000;
    const { chunkId, bytes } = chunkOf(4, size);
    const hangUp = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepting = (async () => {
      for await (const connection of hangUp) {
        await connection.read(new Uint8Array(1000));
        connection.close();
      }
    })();
    const front = await world.start("front", {
      transport: (request) =>
        new URL(request.url).hostname === "127.0.0.1" ? transport(request) : inside(request),
    });
    const send = (next: string) => {
      const { leave, chain } = world.chained(front, chunkId, size, [{ ...at, address: next }]);
      const input = { chunkId, size: String(size), leave, chain: JSON.stringify(chain) };
      return world.call(front).storeChunk(input, { bytes });
    };
    const { port } = hangUp.addr as Deno.NetAddr;
    const broken = await send(`http://127.0.0.1:${port}`);
    assert.deepEqual(broken.receipts.map((each) => each.seederId), [front.seederId]);
    assert.equal(broken.failures[0]?.problem.code, "seeder-unreachable");
    const reply = await send(address);
    assert.deepEqual(reply.failures, []);
    assert.equal(reply.receipts.length, 2);
    assert.equal(await at.store.verify(chunkId), "good");
    hangUp.close();
    await accepting;
  }));
