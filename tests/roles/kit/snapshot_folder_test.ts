/** Snapshots on a disk that crashes, and parts of them that come late, twice or damaged. */
import assert from "node:assert/strict";
import { ClusterId, type SnapshotMark, SnapshotWriter } from "../../../protocol/mod.ts";
import { SecretKey, signRecord } from "../../../protocol/mod.ts";
import { silentLog } from "../../../roles/kit/log.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { SnapshotFolder } from "../../../roles/kit/snapshot_folder.ts";
import { SimDisk } from "../../simulation/machine/sim_disk.ts";
import { refusedWith } from "../tracker/tracker_world.ts";

const clusterKey = SecretKey.parse("5".repeat(64));

/** The lines of a snapshot at this operation, and its mark. */
function snapshot(sequence: number, rows = 20): { lines: string[]; mark: SnapshotMark } {
  const at = signRecord(clusterKey, {
    ...{ sequence, epoch: 1, term: "1".repeat(16), timeMs: 1, text: "{}" },
    checksum: sequence.toString(16).padStart(64, "0"),
  });
  const clusterId = ClusterId.parse("c".repeat(16));
  const writer = new SnapshotWriter(clusterKey, { format: "offshore snapshot 1", clusterId, at });
  const lines = [writer.begin()];
  for (let i = 0; i < rows; i++) lines.push(writer.row({ row: i, text: "ä".repeat(i) }));
  const { text, mark } = writer.end();
  return { lines: [...lines, text], mark };
}

function newDisk(seed = 1): SimDisk {
  const disk = new SimDisk({ random: seededRandom(seed) });
  disk.plantDirectory("/log");
  return disk;
}

async function opened(disk: SimDisk): Promise<SnapshotFolder> {
  const folder = new SnapshotFolder(disk, "/log", silentLog);
  await folder.open();
  return folder;
}

Deno.test("a snapshot that came in parts is read back, verified and removed", async () => {
  const disk = newDisk();
  const folder = await opened(disk);
  const { lines, mark } = snapshot(7);
  const receiver = await folder.receive(mark);
  for (const [i, line] of lines.entries()) {
    assert.equal(folder.has(mark), false);
    assert.equal(await receiver.take(line), i === lines.length - 1);
  }
  assert.deepEqual(folder.marks, [mark]);
  assert.equal(await folder.read(mark, 0), lines.join(""));
  assert.equal(await folder.read(mark, mark.sizeBytes), "");
  assert.equal((await folder.head(mark)).at.sequence, 7);
  assert.equal(await folder.verify(mark), true);
  assert.deepEqual((await opened(disk)).marks, [mark]);
  await folder.remove(mark);
  assert.deepEqual(folder.marks, []);
  assert.deepEqual((await opened(disk)).marks, []);
});

Deno.test("after a power cut at any line a snapshot goes on and becomes whole", async () => {
  const { lines, mark } = snapshot(9);
  for (let cut = 0; cut <= lines.length; cut++) {
    const disk = newDisk(cut + 1);
    const receiver = await (await opened(disk)).receive(mark);
    let whole = false;
    for (const line of lines.slice(0, cut)) whole = await receiver.take(line);
    disk.crash();
    const folder = await opened(disk);
    assert.equal(folder.has(mark), whole, "whole and named is synced");
    if (whole) continue;
    const again = await folder.receive(mark);
    const text = lines.join("");
    const bytes = new TextEncoder().encode(text).subarray(again.offset);
    assert.equal(await again.take(new TextDecoder().decode(bytes)), true);
    assert.equal(await folder.verify(mark), true);
  }
});

Deno.test("a damaged part, or one of another snapshot, is refused and begun anew", async () => {
  const { lines, mark } = snapshot(9);
  const other = snapshot(9, 21);
  for (const wrong of [lines[1]!.replace("0", "1"), "", "x\n", lines[2]!.slice(0, -1)]) {
    const folder = await opened(newDisk());
    const receiver = await folder.receive(mark);
    await receiver.take(lines[0]!);
    await refusedWith("config-corrupt", receiver.take(wrong));
    assert.equal((await folder.receive(mark)).offset, 0);
  }
  const folder = await opened(newDisk());
  await refusedWith("config-corrupt", (await folder.receive(mark)).take(other.lines.join("")));
  assert.equal(folder.has(mark), false);
});

Deno.test("a snapshot that rots on the disk is set aside and counts no more", async () => {
  const disk = newDisk();
  const folder = await opened(disk);
  const { lines, mark } = snapshot(9);
  await (await folder.receive(mark)).take(lines.join(""));
  const file = await disk.open(folder.pathOf(mark), "update");
  await file.write(new Uint8Array([120]), mark.sizeBytes >> 1);
  file.close();
  assert.equal(await folder.verify(mark), false);
  assert.deepEqual(folder.marks, []);
  assert.deepEqual((await opened(disk)).marks, []);
  assert.ok((await disk.list("/log")).some(({ name }) => name.endsWith(".damaged")));
});

Deno.test("parts of snapshots that nobody wants any more are removed, others are kept", async () => {
  const disk = newDisk();
  const folder = await opened(disk);
  const one = snapshot(1), two = snapshot(2);
  for (const { lines, mark } of [one, two]) {
    const receiver = await folder.receive(mark);
    await receiver.take(lines[0]!);
    receiver.close();
  }
  await folder.sweep([two.mark]);
  assert.equal((await folder.receive(two.mark)).offset, one.lines[0]!.length);
  assert.equal((await disk.list("/log")).length, 1);
});
