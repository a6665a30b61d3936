/** Which seeder a typed word means: its name, or its id as `typed_ids.ts` says. */
import { Fault, type SeederId, type SeederView } from "../../../protocol/mod.ts";
import { visible } from "../terminal/wording.ts";
import { shownId, typedId } from "./typed_ids.ts";

type Named = Pick<SeederView, "seederId" | "name">;

/** @throws Fault `seeder-unknown`, `ambiguous-id` */
export function seederCalled(seeders: readonly Named[], word: string): Named {
  const id = typedId(word);
  const [match, other] = id === undefined
    ? seeders.filter(({ name }) => name === word)
    : seeders.filter(({ seederId }) => seederId.startsWith(id));
  if (match === undefined) {
    const names = seeders.map(({ name }) => visible(name)).join(", ");
    throw new Fault("seeder-unknown", `no seeder is called ${visible(word)}`, {
      next: names === "" ? "add a seeder first: join-code" : `type one of: ${names}`,
    });
  }
  if (other !== undefined) {
    const ids = seeders.filter(({ name, seederId }) =>
      id === undefined ? name === word : seederId.startsWith(id)
    ).map(({ seederId }) => shownId(seederId));
    throw new Fault("ambiguous-id", `several seeders are called ${visible(word)}`, {
      next: `type one of their ids: ${ids.join(", ")}`,
    });
  }
  return match;
}

/** The names of these seeders, for messages; an id stands for one that is not known. */
export function namesOf(seeders: readonly Named[], seederIds: Iterable<SeederId>): string {
  const names = new Map(seeders.map(({ seederId, name }) => [seederId, visible(name)]));
  return [...seederIds].map((seederId) => names.get(seederId) ?? seederId).join(", ");
}
