/**
 * The one authorisation check of the tracker, behind every door: what the credentials of a request
 * are worth, and whether that is enough for the route. A person needs a token of this cluster and
 * the role the route asks for; a seeder needs the token derived for the very id it speaks as.
 */
import {
  Fault,
  isSeederToken,
  type PersonRole,
  readPersonToken,
  type Route,
  SeederId,
} from "../../protocol/mod.ts";
import type { Guard } from "../kit/serve.ts";
import type { ClusterKeys } from "./cluster_keys.ts";
import type { Members } from "./seeders/members.ts";
import { refusalOf } from "./seeders/standing.ts";

/** Who makes a request. */
export type Caller =
  | { readonly kind: "anyone" }
  | { readonly kind: "person"; readonly user: string; readonly role: PersonRole }
  | { readonly kind: "seeder"; readonly seederId: SeederId };

/** A role may do all that those before it may. */
const roleOrder: readonly PersonRole[] = ["reader", "writer", "admin"];

export function trackerGuard(keys: ClusterKeys, members: Members): Guard<Caller> {
  return (route, { token }, input) => {
    if (route.access === "open") return { kind: "anyone" };
    if (token === undefined) throw new Fault("unauthenticated", "the request carries no token");
    if (route.access === "seeder") return checkSeeder(keys, members, route, token, input);
    if (route.access === "person") return checkPerson(keys, token, route);
    throw new Fault("forbidden", `a tracker serves no route with access "${route.access}"`);
  };
}

function checkPerson(keys: ClusterKeys, token: string, route: Route): Caller {
  const person = readPersonToken(keys.clusterKey, token);
  if (person === undefined) {
    throw new Fault("unauthenticated", "the token is not one of a person of this cluster");
  }
  const needed = route.role ?? "admin";
  if (roleOrder.indexOf(person.role) < roleOrder.indexOf(needed)) {
    throw new Fault("forbidden", `${person.user} is a ${person.role}, this needs a ${needed}`);
  }
  return { kind: "person", user: person.user, role: person.role };
}

function checkSeeder(
  keys: ClusterKeys,
  members: Members,
  route: Route,
  token: string,
  input: unknown,
): Caller {
  const claimed = typeof input === "object" && input !== null && "seederId" in input
    ? SeederId.safeParse(input.seederId)
    : undefined;
  const generation = (claimed?.success && members.generationOf(claimed.data)) || 1;
  if (claimed?.success && isSeederToken(keys.seederKey(claimed.data, generation), token)) {
    const refusal = refusalOf(members, route, claimed.data, generation);
    if (refusal !== undefined) throw refusal;
    return { kind: "seeder", seederId: claimed.data };
  }
  throw new Fault(
    "unauthenticated",
    `the token is not that of seeder ${claimed?.data ?? "(none named)"}`,
    { next: "join with a join code" },
  );
}

/** Who is written into the log as the one who asked. */
export function userOf(caller: Caller): string {
  return caller.kind === "person" ? caller.user : caller.kind;
}
