/**
 * What the answers of a chunk's holders prove. The tracker does not know the bytes, so an answer
 * proves nothing but against another one: a copy is given up, or done without, only when every copy
 * that can be asked has answered one fresh nonce, all in the same way, and one of them is proved
 * already. The ones that go are asked as well: whoever has the bytes then vouches for those that
 * stay, and any number of seeders that agree on something else disagree with it.
 *
 * Where they differ no majority decides, and where none is proved they prove nothing: the tracker
 * looks at the bytes itself, and knows the answer then.
 */
import type { SeederId } from "../../../protocol/mod.ts";
import { superfluous } from "./rebalance.ts";
import { type ChunkFacts, planRepair } from "./repair.ts";
import { type ClusterView, isLive } from "./view.ts";

export type Verdict =
  /** These have not answered. */
  | { readonly kind: "ask"; readonly seeders: readonly SeederId[] }
  | { readonly kind: "proved" }
  /** No answer can be told from a wrong one but by the bytes. */
  | { readonly kind: "look" }
  /** These do not have the bytes, whatever they say. */
  | { readonly kind: "false"; readonly seeders: readonly SeederId[] };

/** @param truth the right answer, where the tracker has looked */
export function verdictOn(
  asked: readonly SeederId[],
  answers: ReadonlyMap<SeederId, string>,
  proved: ReadonlySet<SeederId>,
  truth: string | undefined,
): Verdict {
  const silent = asked.filter((seederId) => !answers.has(seederId));
  const wrong = asked.filter((seederId) =>
    truth !== undefined && answers.has(seederId) && answers.get(seederId) !== truth
  );
  if (wrong.length > 0) return { kind: "false", seeders: wrong };
  if (silent.length > 0) return { kind: "ask", seeders: silent };
  if (truth !== undefined) return { kind: "proved" };
  const agree = new Set(asked.map((seederId) => answers.get(seederId))).size === 1;
  const vouched = asked.some((seederId) => proved.has(seederId));
  return { kind: agree && vouched ? "proved" : "look" };
}

/** Every holder that can be asked: nothing rests on one that is silent. */
export function askedOf(view: ClusterView, chunk: ChunkFacts): SeederId[] {
  return view.seeders.filter(({ seederId, state }) =>
    isLive(state) && chunk.holders.includes(seederId)
  ).map(({ seederId }) => seederId);
}

/**
 * Whether something waits for this chunk's copies to be proved: a copy that is not needed, a seeder
 * being drained that shall be done without, or one that does not answer and beside which there are
 * claims only. Not while copies are missing: those are made first.
 * @param drainedSinceMs when the draining of each began: answers of before do not count for it
 */
export function needsProof(
  view: ClusterView,
  chunk: ChunkFacts,
  drainedSinceMs: ReadonlyMap<SeederId, number>,
): boolean {
  const { holders, wanted, arriving, proved = new Map<SeederId, number>() } = chunk;
  if (wanted === 0 || arriving.length > 0) return false;
  if (superfluous(view, chunk).length > 0) return true;
  const holding = view.seeders.filter(({ seederId }) => holders.includes(seederId));
  const staying = holding.filter(({ state, leaving }) => isLive(state) && leaving !== true);
  if (staying.length === 0) return false;
  const lacks = (copies: number, sinceMs: number) =>
    staying.filter(({ seederId }) => (proved.get(seederId) ?? -1) >= sinceMs).length < copies;
  const waits = holding.some(({ seederId, state, leaving }) =>
    (leaving === true && lacks(wanted, drainedSinceMs.get(seederId) ?? Infinity)) ||
    (!isLive(state) && lacks(1, 0))
  );
  return waits && planRepair(view, chunk, new Map()).kind === "enough";
}
