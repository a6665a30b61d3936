/**
 * Tells the tracker of the files that were hashed, in pages and in their order, and how far the
 * seeder is with them. Up to which file it got is kept in the journal, so a restart goes on there;
 * what was told without an answer is told again, and the tracker answers as before. A tracker that
 * was rebuilt is told of everything anew, as the end of its log may have been lost; so is every
 * tracker when this seeder has become another one.
 */
import {
  type AdoptReport,
  asFault,
  chunkCountOf,
  type ChunkEntry,
  Fault,
  limits,
  type OfferedFile,
  type OfferResult,
  startManifestDigest,
} from "../../protocol/mod.ts";
import type { Clock } from "../kit/clock.ts";
import type { Log } from "../kit/log.ts";
import { repeat } from "../kit/pace.ts";
import type { Adoption } from "./adoption.ts";
import type { Identity } from "./identity.ts";
import type { Membership } from "./membership.ts";
import { filesInOffer } from "./plan/adopt.ts";
import { type AdoptedHead, placesIn } from "./store/adopted_format.ts";
import type { AdoptedFiles } from "./store/adopted_files.ts";
import type { TrackerLine } from "./tracker_line.ts";

export interface AdoptionOfferParts {
  readonly adopted: AdoptedFiles;
  readonly adoption: Pick<Adoption, "report">;
  readonly membership: Pick<Membership, "identity">;
  readonly line: TrackerLine;
  /** True when the tracker has answered a heartbeat of this process. */
  readonly joined: () => boolean;
  readonly bootId: string;
  readonly clock: Clock;
  readonly log: Log;
}

const lookEveryMs = 1_000;
const retryMs = 3_000;
/** With nothing to offer, how far it is is told this often when it changed, and at least so. */
const tellChangedMs = 3_000;
const tellAgainMs = 60_000;

export class AdoptionOffers {
  #told = "";
  #toldMs = -Infinity;
  #toldEpoch = 0;
  #failed = false;

  constructor(private readonly parts: AdoptionOfferParts) {}

  /** Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    await repeat(this.parts.clock, signal, async () => {
      const { identity } = this.parts.membership;
      if (identity === undefined || !this.parts.joined()) return lookEveryMs;
      try {
        const more = await this.#step(identity, signal);
        this.#failed = false;
        return more ? 0 : lookEveryMs;
      } catch (error) {
        const fault = asFault(error);
        // The same trouble each few seconds is one line.
        if (!signal.aborted && !this.#failed) {
          this.parts.log.warn("files not offered, tried again", { fault });
        }
        this.#failed = true;
        return retryMs;
      }
    });
  }

  /** One message, where there is something to tell. Whether more files wait. */
  async #step(identity: Identity, signal: AbortSignal): Promise<boolean> {
    const { adopted } = this.parts;
    const next = await this.#nextFiles(this.#cursor(identity));
    const [first] = next.heads;
    if (first === undefined) {
      // Files that were gone before their turn came.
      if (next.upTo > this.#cursor(identity)) await this.#note(identity, next.upTo);
      await this.#tell(identity, signal);
      return false;
    }
    for (const { file } of next.heads) await adopted.list(file);
    await adopted.sync();
    if (countOf(first) > limits.manifestPageChunksMax) {
      await this.#offerLarge(identity, first, signal);
    } else await this.#offer(identity, next.heads, signal);
    await this.#note(identity, next.heads.at(-1)?.file ?? first.file);
    return true;
  }

  #generation(identity: Identity): number {
    return Math.floor(epochOf(identity) / limits.epochsOfGenerationMax);
  }

  #cursor(identity: Identity): number {
    const { offered } = this.parts.adopted;
    const same = offered?.seederId === identity.seederId &&
      offered.generation === this.#generation(identity);
    return same ? offered.offered : 0;
  }

  async #note(identity: Identity, offered: number): Promise<void> {
    const { seederId } = identity;
    const generation = this.#generation(identity);
    await this.parts.adopted.noteOffered({ offered, seederId, generation });
  }

  /** The files of the next message; `upTo`: all before this number are told or gone. */
  async #nextFiles(after: number): Promise<{ heads: AdoptedHead[]; upTo: number }> {
    const { adopted } = this.parts;
    const heads: AdoptedHead[] = [];
    const partial = adopted.partial?.head.file ?? Infinity;
    let upTo = after;
    for (let file = after + 1; file <= adopted.highest && file < partial; file++) {
      if (heads.length === limits.adoptPageFilesMax) break;
      const head = adopted.isWhole(file) ? await adopted.head(file) : undefined;
      if (head === undefined && file === adopted.begun) break;
      if (head !== undefined) heads.push(head);
      upTo = file;
    }
    return { heads: heads.slice(0, filesInOffer(heads.map(countOf))), upTo };
  }

  async #offer(
    identity: Identity,
    heads: readonly AdoptedHead[],
    signal: AbortSignal,
  ): Promise<void> {
    const offers: { head: AdoptedHead; offered: OfferedFile }[] = [];
    for (const head of heads) {
      const { chunks, manifestDigest } = await this.#chunksOf(head);
      const isWhole = chunks.length === countOf(head) && this.parts.adopted.isWhole(head.file);
      if (isWhole) offers.push({ head, offered: offerOf(head, manifestDigest, 0, chunks) });
    }
    const results = await this.#send(identity, offers.map(({ offered }) => offered), signal);
    for (const [i, result] of results.entries()) {
      const offer = offers[i];
      if (offer !== undefined) this.#settle(offer.head, result);
    }
  }

  /** Page by page. The tracker says where to go on, also after it forgot the pages before. */
  async #offerLarge(identity: Identity, head: AdoptedHead, signal: AbortSignal): Promise<void> {
    const { chunks, manifestDigest } = await this.#chunksOf(head);
    if (chunks.length < countOf(head)) return;
    const calls = 4 * Math.ceil(chunks.length / limits.manifestPageChunksMax);
    for (let from = 0, call = 0; call < calls && !signal.aborted; call++) {
      const page = chunks.slice(from, from + limits.manifestPageChunksMax);
      const offered = offerOf(head, manifestDigest, from, page);
      const [result] = await this.#send(identity, [offered], signal);
      if (result === undefined) throw new Fault("internal", "the tracker answered for no file");
      if (result.kind !== "more") return this.#settle(head, result);
      from = result.from;
    }
    throw new Fault("unavailable", `${head.path} was not taken to its end`);
  }

  /**
   * Whatever the answer is, the chunks stay held: another file may name them, and only the tracker
   * knows. Of those that nobody names it orders to let go, as of any other.
   */
  #settle(head: AdoptedHead, result: OfferResult): void {
    const { log } = this.parts;
    const source = head.path;
    if (result.kind === "adopted" && result.clash) {
      log.warn("the name of an adopted file was taken", { source, path: result.path });
    } else if (result.kind === "refused") {
      const { code, detail, next } = result.problem;
      log.warn("a file was not adopted", { source, code, detail, next });
    }
  }

  async #chunksOf(head: AdoptedHead): Promise<{ chunks: ChunkEntry[]; manifestDigest: string }> {
    const chunks: ChunkEntry[] = [];
    const digest = startManifestDigest(head.chunkSizeBytes);
    for await (const part of this.parts.adopted.partsOf(head.file)) {
      for (const { chunkId, sizeBytes } of placesIn(part)) {
        chunks.push({ chunkId, sizeBytes });
        digest.add({ chunkId, sizeBytes });
      }
    }
    return { chunks, manifestDigest: digest.hex() };
  }

  #report(identity: Identity): AdoptReport {
    const { adopted, adoption } = this.parts;
    const cursor = this.#cursor(identity);
    const waiting = Math.min(adopted.count, adopted.highest - cursor);
    return { ...adoption.report, filesWaiting: Math.max(0, waiting) };
  }

  async #tell(identity: Identity, signal: AbortSignal): Promise<void> {
    const nowMs = this.parts.clock.now();
    const isNew = epochOf(identity) !== this.#toldEpoch;
    const changed = JSON.stringify(this.#report(identity)) !== this.#told;
    const due = isNew || nowMs - this.#toldMs >= (changed ? tellChangedMs : tellAgainMs);
    if (due) await this.#send(identity, [], signal);
  }

  async #send(
    identity: Identity,
    files: readonly OfferedFile[],
    signal: AbortSignal,
  ): Promise<OfferResult[]> {
    const { clock, line, bootId } = this.parts;
    const { seederId } = identity;
    const report = this.#report(identity);
    const request = { seederId, bootId, files: [...files], report };
    const { results } = await line.ask(
      limits.trackerCallMs,
      signal,
      (tracker, inner) => tracker.offer(request, { signal: inner }),
    );
    this.#told = JSON.stringify(report);
    this.#toldMs = clock.now();
    this.#toldEpoch = epochOf(identity);
    return results;
  }
}

function countOf({ sizeBytes, chunkSizeBytes }: AdoptedHead): number {
  return chunkCountOf(sizeBytes, chunkSizeBytes);
}

function offerOf(
  { path, sizeBytes, modifiedMs, mode, chunkSizeBytes }: AdoptedHead,
  manifestDigest: string,
  from: number,
  chunks: ChunkEntry[],
): OfferedFile {
  return {
    source: path,
    sizeBytes,
    modifiedMs,
    mode,
    chunkSizeBytes,
    manifestDigest,
    from,
    chunks,
  };
}

function epochOf({ heard }: Identity): number {
  return heard?.epoch ?? 0;
}
