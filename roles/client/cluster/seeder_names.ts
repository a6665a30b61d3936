/** Which seeder a typed word means: its name, or five or more digits from the front of its id. */
import { Fault, type SeederId, type SeederView } from "../../../protocol/mod.ts";
import { visible } from "../terminal/wording.ts";

type Named = Pick<SeederView, "seederId" | "name">;

/** @throws Fault `seeder-unknown`, `ambiguous-id` */
export function seederCalled(seeders: readonly Named[], word: string): Named {
  const byName = seeders.filter(({ name }) => name === word);
  const byId = /^[0-9a-f]{5,16}$/.test(word)
    ? seeders.filter(({ seederId }) => seederId.startsWith(word))
    : [];
  const [match, other] = byName.length > 0 ? byName : byId;
  if (match === undefined) {
    const names = seeders.map(({ name }) => visible(name)).join(", ");
    throw new Fault("seeder-unknown", `no seeder is called ${visible(word)}`, {
      next: names === "" ? "add a seeder first: join-code" : `type one of: ${names}`,
    });
  }
  if (other !== undefined) {
    throw new Fault("ambiguous-id", `several seeders are called ${visible(word)}`, {
      next: "type the first digits of its id; see: seeders --json",
    });
  }
  return match;
}

/** The names of these seeders, for messages; an id stands for one that is not known. */
export function namesOf(seeders: readonly Named[], seederIds: Iterable<SeederId>): string {
  const names = new Map(seeders.map(({ seederId, name }) => [seederId, visible(name)]));
  return [...seederIds].map((seederId) => names.get(seederId) ?? seederId).join(", ");
}
