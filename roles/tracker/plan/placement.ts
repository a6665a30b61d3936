/**
 * Which seeders shall take a chunk: weighted rendezvous hashing. Every seeder gets a score for
 * every chunk from the two ids alone, and the best scores win, so that no table is kept, a seeder
 * that joins takes only its fair share from the others, and one that leaves gives up only what it
 * had.
 *
 * The score is -weight / ln(u), u uniform in (0, 1) from the ids: the logarithmic method of
 * Schindelhauer and Schomaker, "Weighted distributed hash tables", SPAA 2005, applied to the
 * rendezvous hashing of Thaler and Ravishankar, IEEE/ACM Transactions on Networking 6(1), 1998. The
 * chance to win is then proportional to the weight, which is the seeder's capacity.
 */
import type { ChunkId, SeederId } from "../../../protocol/mod.ts";
import type { ClusterView, SeederFacts } from "./view.ts";

export interface PlacementQuestion {
  readonly chunkId: ChunkId;
  readonly sizeBytes: number;
  /** How many places are needed, and how many more to name in case some refuse. */
  readonly places: number;
  readonly spares: number;
  /** Seeders that hold the chunk: never named, and their zones count as taken. */
  readonly holders: readonly SeederId[];
  /** Seeders that just failed the asker: named last. */
  readonly avoid: readonly SeederId[];
}

/**
 * Up to `places + spares` seeders, best first: green, writable, with room for the chunk; each zone
 * once before any zone twice; those to avoid after all others.
 */
export function choosePlaces(view: ClusterView, question: PlacementQuestion): SeederId[] {
  const holders = new Set(question.holders);
  const avoid = new Set(question.avoid);
  const key = chunkKey(question.chunkId);
  const ranked = view.seeders
    .filter((seeder) => canTake(seeder, question.sizeBytes) && !holders.has(seeder.seederId))
    .map((seeder) => ({ seeder, score: scoreOf(key, seeder), late: avoid.has(seeder.seederId) }))
    .sort((a, b) =>
      Number(a.late) - Number(b.late) || b.score - a.score ||
      (a.seeder.seederId < b.seeder.seederId ? -1 : 1)
    );
  const zonesTaken = new Set(
    view.seeders.filter((seeder) => holders.has(seeder.seederId)).map((seeder) => seeder.zone),
  );
  const chosen: SeederId[] = [];
  for (const late of [false, true]) {
    const group = ranked.filter((entry) => entry.late === late).map((entry) => entry.seeder);
    const repeats: SeederId[] = [];
    for (const seeder of group) {
      (zonesTaken.has(seeder.zone) ? repeats : chosen).push(seeder.seederId);
      zonesTaken.add(seeder.zone);
    }
    chosen.push(...repeats);
  }
  return chosen.slice(0, question.places + question.spares);
}

/** Every seeder's place in the order of the scores, whether or not it could take the chunk now. */
export function rankOfEach(view: ClusterView, chunkId: ChunkId): Map<SeederId, number> {
  const key = chunkKey(chunkId);
  const ranked = view.seeders.map((seeder) => ({ ...seeder, score: scoreOf(key, seeder) }))
    .sort((a, b) => b.score - a.score || (a.seederId < b.seederId ? -1 : 1));
  return new Map(ranked.map(({ seederId }, i) => [seederId, i + 1]));
}

function canTake(seeder: SeederFacts, sizeBytes: number): boolean {
  return seeder.state === "green" && seeder.writable && seeder.leaving !== true &&
    seeder.freeBytes >= sizeBytes;
}

type ChunkKey = readonly [number, number];

function chunkKey(chunkId: ChunkId): ChunkKey {
  return [Number.parseInt(chunkId.slice(0, 8), 16), Number.parseInt(chunkId.slice(8, 16), 16)];
}

function scoreOf(key: ChunkKey, seeder: SeederFacts): number {
  return -Math.max(1, seeder.totalBytes) / Math.log(uniformOf(key, seeder.seederId));
}

/** A number in (0, 1) from the two ids, 52 bits of it, never an end of the interval. */
function uniformOf(key: ChunkKey, seederId: SeederId): number {
  const left = Number.parseInt(seederId.slice(0, 8), 16);
  const right = Number.parseInt(seederId.slice(8, 16), 16);
  const high = mix(mix(mix(key[0] ^ left) ^ key[1]) ^ right);
  const low = mix(mix(mix(key[1] ^ right) + 0x9e3779b9 ^ key[0]) ^ left);
  return ((high >>> 6) * 2 ** 26 + (low >>> 6) + 0.5) / 2 ** 52;
}

/**
 * The finaliser of MurmurHash3 (Appleby, public domain): every input bit reaches every output bit.
 */
function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
