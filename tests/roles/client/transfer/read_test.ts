/** Ordered reading: whole files and ranges, with seeders that misbehave. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { readFile } from "../../../../roles/client/transfer/read.ts";
import { assertSame, localFile, uploaded } from "../transfers.ts";
import { bytesOf, mib, remote, withWorld, type World } from "../world.ts";

async function read(world: World, range?: { start: number; end?: number }) {
  const parts = readFile(world.session, { path: remote("/a") }, range, {});
  return new Uint8Array(await new Blob(await Array.fromAsync(parts)).arrayBuffer());
}

Deno.test("readFile gives the bytes of any range, in order", () =>
  withWorld(3, async (world) => {
    const bytes = bytesOf(3 * mib + 77, 1);
    await uploaded(world, [await localFile(world, "a", bytes)]);
    assertSame(await read(world), bytes);
    const offset = fc.oneof(
      fc.nat(bytes.length + 10),
      fc.constantFrom(0, 1, mib - 1, mib, mib + 1, 3 * mib, bytes.length),
    );
    await fc.assert(
      fc.asyncProperty(offset, offset, async (one, other) => {
        const start = Math.min(one, other, bytes.length), end = Math.max(one, other);
        assertSame(await read(world, { start, end }), bytes.subarray(start, end));
      }),
      { numRuns: 25 },
    );
    assertSame(await read(world, { start: mib }), bytes.subarray(mib));
    await assert.rejects(read(world, { start: bytes.length + 1 }), {
      code: "range-not-satisfiable",
    });
  }));

Deno.test("readFile gives nothing of an empty file", () =>
  withWorld(3, async (world) => {
    await uploaded(world, [await localFile(world, "a", new Uint8Array())]);
    assert.equal((await read(world)).length, 0);
  }));

for (const behaviour of ["corrupt", "stall-halfway", "break-halfway", "unreachable"] as const) {
  Deno.test(`readFile shows no wrong byte when a seeder's answer is ${behaviour}`, () =>
    withWorld(3, async (world) => {
      const bytes = bytesOf(8 * mib + 1, 1);
      await uploaded(world, [await localFile(world, "a", bytes)]);
      const [odd] = world.seeders;
      if (odd !== undefined) odd.behave = () => behaviour;
      assertSame(await read(world), bytes);
    }));
}

Deno.test("readFile reads ahead only a little and stops when its reader does", () =>
  withWorld(2, async (world) => {
    await uploaded(world, [await localFile(world, "a", bytesOf(40 * mib, 1))]);
    for (const seeder of world.seeders) seeder.calls.read = 0;
    let seen = 0;
    for await (const part of readFile(world.session, { path: remote("/a") }, undefined, {})) {
      seen += part.length;
      if (seen >= 4 * mib) break;
    }
    const reads = world.seeders.reduce((sum, one) => sum + one.calls.read, 0);
    assert.ok(reads <= 16, `${reads} chunks were fetched for four`);
  }));

Deno.test("readFile fails with the tracker's word, and stops when the signal fires", () =>
  withWorld(2, async (world) => {
    await assert.rejects(read(world), { code: "not-found" });
    await uploaded(world, [await localFile(world, "a", bytesOf(9 * mib, 1))]);
    const stop = new AbortController();
    const reading = async () => {
      const parts = readFile(world.session, { path: remote("/a") }, undefined, {
        signal: stop.signal,
      });
      for await (const _part of parts) stop.abort();
    };
    await assert.rejects(reading(), { code: "interrupted" });
  }));
