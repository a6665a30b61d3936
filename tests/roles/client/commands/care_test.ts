/** What a person says about seeders, and how long an announced absence may be as people type it. */
import assert from "node:assert/strict";
import { durationOf } from "../../../../roles/client/commands/care.ts";
import { FakeTerminal, openClientWorld } from "../client_world.ts";

Deno.test("durationOf reads a number and a unit, and refuses everything else", () => {
  assert.equal(durationOf("30m"), 1_800_000);
  assert.equal(durationOf("2h"), 7_200_000);
  assert.equal(durationOf("45s"), 45_000);
  assert.equal(durationOf("30d"), 30 * 86_400_000);
  for (const word of ["", "0m", "30", "m", "-5m", "31d", "1.5h", "30 m", "9999999s"]) {
    assert.throws(() => durationOf(word), /is no duration/, word);
  }
});

Deno.test("drain --wait ends at once for a seeder that holds nothing", async () => {
  await using world = await openClientWorld(3);
  const ran = await world.run(["drain", "seeder-1", "--wait"]);
  assert.equal(ran.code, 0, ran.error);
  assert.equal(
    ran.output,
    "seeder-1 holds nothing that is not elsewhere twice: switch it off\n",
  );
  assert.equal((await world.run(["maintenance", "seeder-2", "30m"])).code, 0);
  const { output } = await world.run(["seeders"]);
  assert.match(output, /^seeder-1 +green, drained +/m);
  assert.match(output, /^seeder-2 +green, may be away (30|29) min \S+ s +/m);
  assert.match(output, /^seeder-3 +green +/m);
});

Deno.test("drain --wait shows how far it is, and ends when the drain is cancelled", async () => {
  await using world = await openClientWorld(3);
  await world.run(["put", "-", "/a"], { input: "some bytes" });
  const holder = world.cluster.seeders.find(({ chunks }) => chunks.size > 0);
  assert(holder !== undefined);
  const shown = Promise.withResolvers<void>();
  class Watched extends FakeTerminal {
    override writeError(text: string): void {
      super.writeError(text);
      if (/1 chunk, 10 B left/.test(this.error)) shown.resolve();
    }
  }
  const terminal = new Watched({ errorIsTerminal: true });
  const waiting = world.run(["drain", holder.name, "--wait"], terminal);
  await Promise.race([shown.promise, waiting]);
  assert.match((await world.run(["seeders"])).output, /green, draining/);
  assert.equal((await world.run(["drain", holder.name, "--cancel"])).code, 0);
  const ran = await waiting;
  assert.notEqual(ran.code, 0);
  assert.match(ran.error, /not being drained any more[^]*next: see: seeders/);
});

Deno.test("Ctrl-C in drain --wait says that the drain goes on, which it does", async () => {
  await using world = await openClientWorld(3);
  await world.run(["put", "-", "/a"], { input: "some bytes" });
  const holder = world.cluster.seeders.find(({ chunks }) => chunks.size > 0);
  assert(holder !== undefined);
  class Impatient extends FakeTerminal {
    override writeError(text: string): void {
      super.writeError(text);
      if (/1 chunk, 10 B left/.test(text)) this.interrupt();
    }
  }
  const terminal = new Impatient({ errorIsTerminal: true });
  const ran = await world.run(["drain", holder.name, "--wait"], terminal);
  assert.equal(ran.code, 1);
  assert.match(
    ran.error,
    new RegExp(
      `the drain goes on\n {2}next: see how far it is: status; .*${holder.name} --cancel\n$`,
    ),
  );
  assert.match((await world.run(["seeders"])).output, /green, draining/);
});

Deno.test("drain is refused where the others cannot keep the copies, with the smallest fix", async () => {
  await using world = await openClientWorld(2);
  await world.run(["put", "-", "/a"], { input: "some bytes" });
  const ran = await world.run(["drain", "seeder-1"]);
  assert.equal(ran.code, 5, ran.error);
  assert.match(ran.error, /seeder-1 cannot be drained: 1 of its chunks shall have 2 copies/);
  assert.match(ran.error, /next: add 1 more .join-code./);
});
