/**
 * The one authorisation check of the tracker, behind every door, before a body is read: what the
 * credentials of a request are worth, and whether that is enough for the route. A person needs a
 * token of this cluster and the role the route asks for; a seeder proves each request under its key
 * and speaks as nobody else.
 */
import {
  CodeId,
  codeSecretOf,
  Fault,
  type PersonRole,
  type ProverName,
  readPersonToken,
  type Route,
  type SecretKey,
  SeederId,
  seederKeyOf,
} from "../../protocol/mod.ts";
import { Proofs } from "../kit/proofs.ts";
import type { Random } from "../kit/random.ts";
import type { Admission, Guard, Head } from "../kit/serve.ts";
import type { ClusterKeys } from "./cluster_keys.ts";
import type { Members } from "./seeders/members.ts";
import { refusalOf } from "./seeders/standing.ts";

/** Who makes a request. */
export type Caller =
  | { readonly kind: "anyone" }
  | { readonly kind: "person"; readonly user: string; readonly role: PersonRole }
  | { readonly kind: "seeder"; readonly seederId: SeederId }
  /** Whoever has this code. */
  | { readonly kind: "code"; readonly codeId: CodeId };

/** A role may do all that those before it may. */
const roleOrder: readonly PersonRole[] = ["reader", "writer", "admin"];

export function trackerGuard(
  keys: ClusterKeys,
  members: Members,
  random: Random,
): Guard<Caller> {
  const proofs = new Proofs((name) => secretOf(keys, name), random);
  return {
    admit: (head) => {
      const { route, token } = head;
      if (route.access === "open") return { caller: { kind: "anyone" } };
      if (route.access === "seeder") return admitSeeder(proofs, head, members);
      if (route.access === "code") return admitCode(proofs, head);
      if (route.access === "person") return { caller: checkPerson(keys, token, route) };
      throw new Fault("forbidden", `a tracker serves no route with access "${route.access}"`);
    },
    confirm: confirmSeeder,
  };
}

/** The secret under which such a prover proves its requests; undefined when there is none such. */
export function secretOf(
  { clusterKey }: ClusterKeys,
  { kind, id, generation }: ProverName,
): SecretKey | undefined {
  if (kind === "code") return codeSecretOf(clusterKey, id);
  const seederId = SeederId.safeParse(id);
  if (!seederId.success) return undefined;
  // Derived anew: a stranger may name any id, and what is kept for each would fill the memory.
  return seederKeyOf(clusterKey, seederId.data, generation);
}

/**
 * Whoever proved to be a seeder, and whether it may ask for this: one that is no member is told so
 * under its own key.
 * @param members absent while a tracker that is being rebuilt knows none
 * @throws Fault `unauthenticated`
 */
export function admitSeeder(
  proofs: Proofs,
  { route, proof }: Head,
  members?: Members,
): Admission<Caller> {
  const proved = proofs.admit("seeder", route, proof);
  const seederId = SeederId.parse(proved.name.id);
  const refusal = proved.refusal ??
    (members && refusalOf(members, route, seederId, proved.name.generation));
  return { ...proved, refusal, caller: { kind: "seeder", seederId } };
}

/** What the code gives, and whether it still does, is told by what stands in the request. */
function admitCode(proofs: Proofs, { route, proof }: Head): Admission<Caller> {
  const proved = proofs.admit("code", route, proof);
  return { ...proved, caller: { kind: "code", codeId: CodeId.parse(proved.name.id) } };
}

/** The code that a request was proved by. */
export function codeIdOf(caller: Caller): CodeId {
  if (caller.kind === "code") return caller.codeId;
  throw new Fault("unauthenticated", "the request is not proved by a code");
}

/** A seeder speaks of itself: what it sends under another's id is another's. */
export function confirmSeeder(caller: Caller, input: unknown): void {
  if (caller.kind !== "seeder") return;
  const claimed = typeof input === "object" && input !== null && "seederId" in input
    ? input.seederId
    : undefined;
  if (claimed === caller.seederId) return;
  throw new Fault("forbidden", `seeder ${caller.seederId} speaks in another's name`, {
    next: "speak under the id that the key belongs to",
  });
}

function checkPerson(keys: ClusterKeys, token: string | undefined, route: Route): Caller {
  if (token === undefined) throw new Fault("unauthenticated", "the request carries no token");
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

/** Who is written into the log as the one who asked. */
export function userOf(caller: Caller): string {
  return caller.kind === "person" ? caller.user : caller.kind;
}
