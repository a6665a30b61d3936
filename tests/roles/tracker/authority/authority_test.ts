/** Permits are given in the right states only, and a fence is for ever. */
import assert from "node:assert/strict";
import { type Fault } from "../../../../protocol/mod.ts";
import { fencedSetting, fenceOf } from "../../../../roles/tracker/authority/authority.ts";
import { openMemoryCatalog } from "../../../../roles/tracker/catalog/memory_catalog.ts";
import type { Word } from "../../../../roles/tracker/plan/authority.ts";
import { seeder } from "../../../conformance/catalog_rows.ts";
import { mark, rulingAuthority } from "../ruling.ts";

const silent: Word = { named: [1, 2, 3].map(seeder), needed: 2, missing: [1, 2, 3].map(seeder) };
const later = mark(20, 3);

function witnesses(word: Word, hasGoneOn = false) {
  return () => ({ word: () => word, hasGoneOn: () => hasGoneOn });
}

Deno.test("while it proves, it orders and acknowledges with the keepers, and gives nothing up", () => {
  const authority = rulingAuthority({ witnesses: witnesses(silent) });
  assert.equal(authority.standing.state, "proving");
  assert.equal(authority.acknowledge().alone, false);
  assert.ok(authority.order());
  assert.equal(authority.giveUp(), undefined);
  assert.throws(() => authority.demandGiveUp("leave out --now"), (fault: Fault) => {
    assert.equal(fault.code, "tracker-proving");
    assert.match(fault.next, /^leave out --now, or wait/);
    return true;
  });
});

Deno.test("it rules once the keepers have spoken, and goes on when they fall silent", () => {
  let word = silent;
  const authority = rulingAuthority({
    witnesses: () => ({ word: () => word, hasGoneOn: () => false }),
  });
  assert.equal(authority.giveUp(), undefined);
  word = { ...silent, missing: [seeder(3)] };
  assert.ok(authority.giveUp());
  assert.equal(authority.acknowledge().alone, true);
  word = silent;
  assert.ok(authority.giveUp());
});

Deno.test("a brake stops what is given up and nothing else", () => {
  const brake = { sinceMs: 1, why: "too much went", next: "confirm-loss" };
  const authority = rulingAuthority({ brake: () => brake });
  assert.equal(authority.giveUp(), undefined);
  assert.equal(authority.acknowledge().alone, true);
  assert.ok(authority.order());
  assert.throws(() => authority.demandGiveUp(""), { code: "drops-stopped" });
});

Deno.test("a later log fences it: no permit of any kind, told to those who wait, also later", async () => {
  const catalog = openMemoryCatalog();
  const authority = rulingAuthority({ catalog });
  const told: string[] = [];
  authority.onFence((fault) => told.push(fault.code));
  await assert.rejects(authority.hearForeign(later), { code: "stale-epoch" });
  assert.deepEqual(told, ["stale-epoch"]);
  const fence = fenceOf(await catalog.read((view) => view.setting(fencedSetting)));
  for (const epoch of [3, 4, 90]) {
    const again = rulingAuthority({ catalog, fence, begun: mark(11, epoch) });
    assert.equal(again.standing.state, "fenced", `a start with epoch ${epoch} changes nothing`);
    assert.equal(again.order(), undefined);
    assert.equal(again.giveUp(), undefined);
    assert.throws(() => again.acknowledge(), { code: "stale-epoch" });
  }
});

Deno.test("a later start fences it, and another of the same epoch; its own and earlier ones do not", async () => {
  const other = "2".repeat(16);
  for (const heard of [undefined, mark(10, 3), mark(9, 2, other)]) {
    const authority = rulingAuthority();
    await authority.hear(heard);
    assert.equal(authority.standing.state, "ruling");
  }
  for (const heard of [mark(10, 3, other), mark(12, 4, other)]) {
    const authority = rulingAuthority();
    await assert.rejects(authority.hear(heard), { code: "stale-epoch" });
    assert.equal(authority.standing.state, "fenced");
  }
});

Deno.test("what no tracker of the cluster signed fences nobody", async () => {
  const authority = rulingAuthority();
  const forged = { ...mark(20, 9, "2".repeat(16)), mac: "A".repeat(43) };
  await assert.rejects(authority.hear(forged), { code: "unauthenticated" });
  await assert.rejects(authority.hearForeign(forged), { code: "unauthenticated" });
  assert.equal(authority.standing.state, "ruling");
});

Deno.test("a log that went on by itself is no beginning of the later one", async () => {
  const authority = rulingAuthority({ witnesses: witnesses({ ...silent, named: [] }, true) });
  await authority.hearForeign(later).catch(() => {});
  assert.match(authority.standing.why ?? "", /went another way/);
});

Deno.test("records that a rebuild gave up fence nobody", async () => {
  const authority = rulingAuthority({ rebuiltEpoch: 1_000 });
  await authority.hearForeign(later);
  assert.equal(authority.standing.state, "ruling");
});
