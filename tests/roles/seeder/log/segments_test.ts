/** A seeder's copy of the log over a disk that loses what was not synced, tears, and rots. */
import assert from "node:assert/strict";
import {
  ClusterId,
  Fault,
  limits,
  logChecksum,
  type LogRecord,
  positionOf,
  SecretKey,
  signRecord,
} from "../../../../protocol/mod.ts";
import { silentLog } from "../../../../roles/kit/log.ts";
import { seededRandom } from "../../../../roles/kit/random.ts";
import { LogSegments } from "../../../../roles/seeder/log/segments.ts";
import { SimDisk } from "../../../simulation/machine/sim_disk.ts";
import { HandClock } from "../../tracker/tracker_world.ts";

const key = SecretKey.parse("1f".repeat(32));
const clusterId = ClusterId.parse("c".repeat(16));
const directory = "/disk/log";

function recordsAfter(
  previous: LogRecord | undefined,
  count: number,
  textBytes = 30,
  epoch = 1,
): LogRecord[] {
  const records: LogRecord[] = [];
  let last = positionOf(previous);
  for (let i = 0; i < count; i++) {
    const sequence = last.sequence + 1;
    const text = `${sequence} `.padEnd(textBytes, "x");
    const checksum = logChecksum(last.checksum, text);
    const record = signRecord(key, {
      sequence,
      epoch,
      term: "1".repeat(16),
      timeMs: 0,
      text,
      checksum,
    });
    records.push(record);
    last = positionOf(record);
  }
  return records;
}

function newDisk(seed = 1): SimDisk {
  const disk = new SimDisk({ random: seededRandom(seed), clock: new HandClock() });
  disk.plantDirectory("/disk");
  return disk;
}

async function all(segments: LogSegments): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (;;) {
    const page = await segments.read(records.at(-1)?.sequence ?? 0);
    if (page.length === 0) return records;
    records.push(...page);
  }
}

Deno.test("LogSegments gives back what was appended, over many files and a new start", async () => {
  const disk = newDisk();
  const segments = await LogSegments.open(disk, directory, silentLog);
  const records = recordsAfter(undefined, 300, 50_000);
  for (let i = 0; i < records.length; i += 40) {
    await segments.append(clusterId, records.slice(i, i + 40));
  }
  segments.close();
  const files = (await disk.list(directory)).map(({ name }) => name).sort();
  assert.ok(files.length >= 3, files.join(" "));
  assert.equal(files[0], "000000000001.log");
  const again = await LogSegments.open(disk, directory, silentLog);
  assert.deepEqual(again.position, positionOf(records.at(-1)));
  assert.deepEqual(await all(again), records);
  const more = recordsAfter(records.at(-1), 3);
  await again.append(clusterId, more);
  assert.deepEqual(await all(again), [...records, ...more]);
});

Deno.test("LogSegments.read keeps to the size of a message", async () => {
  const segments = await LogSegments.open(newDisk(), directory, silentLog);
  await segments.append(clusterId, recordsAfter(undefined, 600));
  assert.equal((await segments.read(0)).length, limits.logPageRecordsMax);
  assert.equal((await segments.read(599)).length, 1);
  assert.deepEqual(await segments.read(600), []);
});

Deno.test("LogSegments refuses what does not follow, and stays as it is", async () => {
  const segments = await LogSegments.open(newDisk(), directory, silentLog);
  const records = recordsAfter(undefined, 4);
  await segments.append(clusterId, records.slice(0, 2));
  const wrong = [[records[3]!], [{ ...records[2]!, text: "other" }], [records[1]!]];
  for (const page of wrong) {
    await assert.rejects(
      segments.append(clusterId, page),
      (fault) => fault instanceof Fault && fault.code === "config-corrupt",
    );
  }
  await segments.append(clusterId, records.slice(2));
  assert.deepEqual(await all(segments), records);
});

Deno.test("LogSegments has all that was appended after any power cut, and goes on", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const disk = newDisk(seed);
    let segments = await LogSegments.open(disk, directory, silentLog);
    let known: LogRecord[] = [];
    for (let round = 0; round < 4; round++) {
      const synced = recordsAfter(known.at(-1), 3);
      await segments.append(clusterId, synced);
      known.push(...synced);
      // Not waited for: the power goes while it is on its way.
      const lost = recordsAfter(known.at(-1), 5);
      segments.append(clusterId, lost).catch(() => {});
      for (let i = 0; i < seed % 9; i++) await Promise.resolve();
      disk.crash();
      segments = await LogSegments.open(disk, directory, silentLog);
      const found = await all(segments);
      assert.deepEqual(found.slice(0, known.length), known, `seed ${seed}`);
      assert.deepEqual(found.slice(known.length), lost.slice(0, found.length - known.length));
      known = found;
    }
  }
});

Deno.test("LogSegments tells of damage in an older file, and serves the others", async () => {
  const disk = newDisk();
  const segments = await LogSegments.open(disk, directory, silentLog);
  const records = recordsAfter(undefined, 300, 50_000);
  for (let i = 0; i < 300; i += 40) await segments.append(clusterId, records.slice(i, i + 40));
  segments.close();
  const path = `${directory}/000000000001.log`;
  const file = await disk.open(path, "update");
  await file.write(new TextEncoder().encode("!"), 60_000);
  await file.sync();
  file.close();
  const again = await LogSegments.open(disk, directory, silentLog);
  assert.deepEqual(again.position, positionOf(records.at(-1)));
  assert.equal((await again.read(0)).length, 1, "what stands before the damage");
  await assert.rejects(
    again.read(1),
    (fault) => fault instanceof Fault && fault.code === "config-corrupt",
  );
  assert.equal((await again.read(299))[0]?.sequence, 300);
});

Deno.test("LogSegments.setAside keeps the old copy and begins another", async () => {
  const disk = newDisk();
  const segments = await LogSegments.open(disk, directory, silentLog);
  const old = recordsAfter(undefined, 5);
  await segments.append(clusterId, old);
  await segments.setAside();
  assert.equal(segments.position.sequence, 0);
  const fresh = recordsAfter(undefined, 2, 40, 1_000_001);
  await segments.append(clusterId, fresh);
  disk.crash();
  const again = await LogSegments.open(disk, directory, silentLog);
  assert.deepEqual(await all(again), fresh);
  const aside = await LogSegments.open(disk, `${directory}/aside-5-1`, silentLog);
  assert.deepEqual(await all(aside), old);
});

async function names(disk: SimDisk): Promise<string[]> {
  return (await disk.list(directory)).map(({ name }) => name).sort();
}

Deno.test("LogSegments removes files that a snapshot stands for, no record after it", async () => {
  const disk = newDisk();
  let segments = await LogSegments.open(disk, directory, silentLog);
  const records = recordsAfter(undefined, 40);
  for (let i = 0; i < 40; i += 10) {
    segments.roll();
    await segments.append(clusterId, records.slice(i, i + 10));
  }
  assert.equal((await names(disk)).length, 4);
  for (const [sequence, after] of [[5, 0], [10, 10], [19, 10], [35, 30], [99, 30]] as const) {
    await segments.trim(sequence);
    assert.equal(segments.after.sequence, after, `after a snapshot at ${sequence}`);
    segments = await LogSegments.open(disk, directory, silentLog);
    assert.deepEqual(segments.after, positionOf(after === 0 ? undefined : records[after - 1]));
    assert.deepEqual(segments.position, positionOf(records.at(-1)));
    const kept = [];
    for (let at: number = after; at < 40;) {
      const page = await segments.read(at);
      kept.push(...page);
      at = page.at(-1)!.sequence;
    }
    assert.deepEqual(kept, records.slice(after));
  }
  await segments.append(clusterId, recordsAfter(records.at(-1), 3));
  assert.equal(segments.position.sequence, 43);
});

Deno.test("LogSegments begins anew after a snapshot, and keeps the rest until it trims", async () => {
  const disk = newDisk();
  const segments = await LogSegments.open(disk, directory, silentLog);
  const records = recordsAfter(undefined, 60);
  await segments.append(clusterId, records.slice(0, 10));
  await segments.beginAfter(clusterId, positionOf(records[49]));
  assert.deepEqual(segments.position, positionOf(records[49]));
  disk.crash();
  const again = await LogSegments.open(disk, directory, silentLog);
  assert.deepEqual(again.position, positionOf(records[49]));
  assert.deepEqual(again.after, positionOf(records[49]));
  await again.append(clusterId, records.slice(50));
  assert.deepEqual(await again.read(50), records.slice(50));
  assert.ok((await names(disk)).some((name) => name.startsWith("old-10-")));
  await again.trim(9);
  assert.ok((await names(disk)).some((name) => name.startsWith("old-10-")));
  await again.trim(50);
  assert.deepEqual(await names(disk), ["000000000051.log"]);
});
