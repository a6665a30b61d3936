import assert from "node:assert/strict";
import { Fault, SeederId } from "../../../../protocol/mod.ts";
import { namesOf, seederCalled } from "../../../../roles/client/cluster/seeder_names.ts";

const seeders = [
  { seederId: SeederId.parse("abcde00000000001"), name: "cellar" },
  { seederId: SeederId.parse("abcde00000000002"), name: "attic" },
  { seederId: SeederId.parse("1bcde00000000003"), name: "attic" },
];
const code = (word: string) => {
  try {
    return seederCalled(seeders, word).seederId;
  } catch (error) {
    return error instanceof Fault ? error.code : "no fault";
  }
};

Deno.test("seederCalled finds by name, by digits of the id with their sign, and never guesses", () => {
  assert.equal(code("cellar"), seeders[0]?.seederId);
  assert.equal(code("@1bcde"), seeders[2]?.seederId);
  assert.equal(code("1bcde"), "seeder-unknown", "digits alone are a name");
  assert.equal(code("attic"), "ambiguous-id");
  assert.equal(code("@abcde"), "ambiguous-id");
  assert.equal(code("@1bcd"), "seeder-unknown", "four digits are too few");
  assert.equal(code("garage"), "seeder-unknown");
});

Deno.test("namesOf shows the id of a seeder nobody knows", () => {
  const stranger = SeederId.parse("f".repeat(16));
  assert.equal(namesOf(seeders, [seeders[0]!.seederId, stranger]), `cellar, ${stranger}`);
});
