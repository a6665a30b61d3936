/**
 * Whether whoever proved to be a seeder is one that the cluster still has: asked by the guard
 * before each route of a seeder, with the generation of the key that it spoke under.
 */
import { Fault, type Route, type SeederId, trackerRoutes } from "../../../protocol/mod.ts";
import type { Members } from "./members.ts";

/** Why this route is closed to it; undefined for a member with its current key. */
export function refusalOf(
  members: Members,
  route: Route,
  seederId: SeederId,
  generation: number,
): Fault | undefined {
  const current = members.generationOf(seederId);
  const outsider = members.outsider(seederId);
  if (current !== undefined && current !== generation) {
    return new Fault(
      "seeder-unknown",
      `seeder ${seederId} speaks under its key ${generation}, and was given key ${current} since`,
    );
  }
  if (outsider?.row.standing === "banned") {
    return new Fault("forbidden", `seeder ${seederId} was banned from this cluster`);
  }
  if (outsider !== undefined) {
    if (route === trackerRoutes.heartbeat) return undefined;
    return new Fault("forbidden", `seeder ${seederId} waits until a person accepts it`, {
      next: `on a client type: seeders accept @${seederId}`,
    });
  }
  if (members.get(seederId) !== undefined) return undefined;
  return new Fault("seeder-unknown", `no seeder with the id ${seederId} is in this cluster`);
}
