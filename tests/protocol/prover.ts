/** A seeder that proves its requests, for tests: with a session of its own drawing. */
import { Prover, type SecretKey, type SeederId } from "../../protocol/mod.ts";

let drawn = 0;

export function proverOf(seederId: SeederId, key: SecretKey, generation = 1): Prover {
  const session = (++drawn).toString(16).padStart(32, "0");
  return new Prover({ kind: "seeder", id: seederId, generation }, key, session);
}
