import assert from "node:assert/strict";
import fc from "fast-check";
import { limits } from "../../../../protocol/mod.ts";
import {
  filesInOffer,
  inWalkOrder,
  isPassedOver,
  leftOutWhy,
  planFile,
  restAfter,
  tellable,
} from "../../../../roles/seeder/plan/adopt.ts";

const seen = { kind: "file", sizeBytes: 5, modifiedMs: 1_000_000, inode: 7 } as const;
const laterMs = seen.modifiedMs + limits.adoptSettleMs;

Deno.test("planFile keeps what is as it was hashed, whatever time it is", () => {
  fc.assert(fc.property(fc.integer(), (nowMs) => {
    assert.deepEqual(planFile(seen, seen, nowMs), { do: "keep" });
  }));
});

Deno.test("planFile hashes what is new or differs in size, time or inode", () => {
  for (const known of [undefined, { ...seen, sizeBytes: 6 }, { ...seen, inode: 8 }]) {
    assert.deepEqual(planFile(seen, known, laterMs), { do: "hash" });
  }
  assert.deepEqual(planFile(seen, { ...seen, modifiedMs: 1 }, laterMs), { do: "hash" });
});

Deno.test("planFile waits for a file that was written just now, but not for one of the future", () => {
  assert.deepEqual(planFile(seen, undefined, seen.modifiedMs), { do: "wait" });
  assert.deepEqual(planFile(seen, undefined, laterMs - 1), { do: "wait" });
  assert.deepEqual(planFile(seen, undefined, seen.modifiedMs - 60_000), { do: "hash" });
});

Deno.test("inWalkOrder is the order of bytes, however the names come", () => {
  fc.assert(fc.property(fc.array(fc.string({ unit: "binary" })), (names) => {
    const named = names.map((name) => ({ name }));
    const sorted = inWalkOrder(named).map(({ name }) => name);
    assert.deepEqual(sorted, inWalkOrder(named.toReversed()).map(({ name }) => name));
    assert.deepEqual(sorted.toSorted(), names.toSorted());
    const bytes = sorted.map((name) => new TextEncoder().encode(name).toHex());
    assert.deepEqual(bytes, bytes.toSorted());
  }));
});

Deno.test("leftOutWhy names what cannot be adopted and lets the rest through", () => {
  assert.equal(leftOutWhy("/a/b.txt", "file"), undefined);
  assert.match(leftOutWhy("/a/b", "link") ?? "", /symbolic link/);
  assert.match(leftOutWhy("/a/b", "other") ?? "", /neither/);
  assert.match(leftOutWhy(`/${"é".repeat(128)}`, "file") ?? "", /256 bytes/);
  for (const kind of ["file", "directory", "link"] as const) {
    assert.match(leftOutWhy("/bad\udce9name", kind) ?? "", /UTF-8/);
  }
  assert.equal(leftOutWhy("/good\ufffdname", "file"), undefined);
  assert.match(leftOutWhy("/mounted", "elsewhere") ?? "", /another disk/);
});

Deno.test("isPassedOver knows the folder of OFFSHORE anywhere, lost+found at the top", () => {
  for (const folder of ["", "/a"]) assert.ok(isPassedOver(folder, ".offshore"));
  assert.ok(isPassedOver("/a", ".offshore-0123456789abcdef"));
  for (const name of [".offshore2", "offshore", ".git"]) assert.ok(!isPassedOver("", name));
  assert.ok(isPassedOver("", "lost+found"));
  assert.ok(!isPassedOver("/a", "lost+found"));
});

Deno.test("restAfter rests only beside transfers, and never for long", () => {
  assert.equal(restAfter(50, false), 0);
  assert.equal(restAfter(50, true), 150);
  assert.equal(restAfter(60_000, true), 2_000);
});

Deno.test("filesInOffer takes at least one, stays within the limits, and sends a large one alone", () => {
  const counts = fc.array(fc.nat(3000), { minLength: 1, maxLength: 600 });
  fc.assert(fc.property(counts, (all) => {
    const taken = filesInOffer(all);
    assert.ok(taken >= 1 && taken <= limits.adoptPageFilesMax);
    const chunks = all.slice(0, taken).reduce((sum, count) => sum + count, 0);
    const isLarge = (count: number) => count > limits.manifestPageChunksMax;
    assert.ok(chunks <= limits.adoptPageChunksMax || taken === 1);
    assert.ok(taken === 1 || !all.slice(0, taken).some(isLarge));
  }));
  assert.equal(filesInOffer([0, 0, 0]), 3);
});

Deno.test("tellable has no control characters and is well-formed", () => {
  assert.equal(tellable("/caf\udce9\udc00"), "/caf\\xe9\\x??");
  assert.equal(tellable("/a\u001b[2Jb\ud800\n"), "/a\ufffd[2Jb\ufffd\ufffd");
});
