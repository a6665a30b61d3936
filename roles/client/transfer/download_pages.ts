/**
 * The manifest of one version, page by page, with holders and leaves. The first page comes with the
 * first answer of the tracker; the next is asked for when the reader gets there, so a manifest of
 * any length costs one page of memory. What a tracker says is checked against the sizes it told
 * before.
 */
import {
  asFault,
  chunkEntryProblem,
  Fault,
  faultOf,
  limits,
  type LocatedChunk,
  type LocatedFile,
  type LocateReply,
  type SeederId,
  type SeederState,
  type Target,
} from "../../../protocol/mod.ts";
import type { Session } from "../cluster/session.ts";

export interface KnownSeeder {
  readonly name: string;
  readonly address: string;
  readonly state: SeederState;
}

/** One file as located, and when its leaves end by this machine's clock. */
export interface LocatedPage {
  readonly file: LocatedFile;
  readonly leavesEndMs: number;
}

/**
 * The results of one locate call, in the order asked; a file that cannot be located is its fault.
 */
export async function locate(
  session: Session,
  seeders: Map<SeederId, KnownSeeder>,
  targets: readonly Target[],
  fromChunk: number,
  chunksMax: number,
  signal: AbortSignal,
): Promise<(LocatedPage | Fault)[]> {
  const askedMs = session.clock.now();
  const reply: LocateReply = await session.tracker.locate(
    { targets: [...targets], fromChunk, chunksMax },
    { signal },
  );
  for (const { seederId, ...known } of reply.seeders) seeders.set(seederId, known);
  const leavesEndMs = askedMs + reply.leaveLifeMs * 0.9;
  return targets.map((_, i) => {
    const result = reply.results[i];
    if (result === undefined) return new Fault("internal", "the tracker left a file out");
    return result.ok ? { file: result.file, leavesEndMs } : faultOf(result.problem);
  });
}

export class ManifestPages {
  #page: LocatedPage;
  #pending: { from: number; reply: Promise<LocatedPage> } | undefined;

  constructor(
    private readonly session: Session,
    first: LocatedPage,
    readonly seeders: Map<SeederId, KnownSeeder>,
    private readonly pageChunks: number,
    private readonly signal: AbortSignal,
  ) {
    this.#page = first;
  }

  get file(): LocatedFile {
    return this.#page.file;
  }

  /**
   * Chunk `index` with leaves that live. Throws `not-found` when the version is there no longer.
   */
  async at(index: number): Promise<LocatedChunk> {
    const alive = this.session.clock.now() < this.#page.leavesEndMs;
    const known = alive ? this.#find(this.#page, index) : undefined;
    if (known !== undefined) return known;
    this.#page = await this.#ask(index, this.pageChunks);
    const found = this.#find(this.#page, index);
    if (found === undefined) {
      throw new Fault(
        "internal",
        `the tracker's manifest of ${this.file.path} lacks chunk ${index}`,
      );
    }
    return found;
  }

  /** The same chunk asked for anew; chunks near it that ask at the same time share the call. */
  async again(index: number): Promise<LocatedChunk> {
    const shared = this.#pending;
    if (shared !== undefined && index >= shared.from) {
      const found = this.#find(await shared.reply, index);
      if (found !== undefined) return found;
    }
    const reply = this.#ask(index, Math.min(64, limits.manifestPageChunksMax));
    const pending = { from: index, reply };
    this.#pending = pending;
    try {
      const found = this.#find(await reply, index);
      if (found !== undefined) return found;
    } finally {
      if (this.#pending === pending) this.#pending = undefined;
    }
    throw new Fault("internal", `the tracker's manifest of ${this.file.path} lacks chunk ${index}`);
  }

  #find(page: LocatedPage, index: number): LocatedChunk | undefined {
    const found = page.file.chunks[index - (page.file.chunks[0]?.index ?? 0)];
    if (found === undefined || found.index !== index) return undefined;
    const { sizeBytes, chunkSizeBytes } = page.file;
    const entry = { chunkId: found.chunkId, sizeBytes: found.sizeBytes };
    const problem = chunkEntryProblem(entry, index, sizeBytes, chunkSizeBytes);
    if (problem === undefined) return found;
    throw new Fault("internal", `the tracker's manifest of ${page.file.path} is wrong: ${problem}`);
  }

  async #ask(fromChunk: number, chunksMax: number): Promise<LocatedPage> {
    const { versionId, path } = this.file;
    const target = { versionId };
    const [result] = await locate(
      this.session,
      this.seeders,
      [target],
      fromChunk,
      chunksMax,
      this.signal,
    );
    if (result === undefined || result instanceof Fault) {
      const fault = asFault(result);
      if (fault.code !== "not-found") throw fault;
      throw new Fault("not-found", `${path} was removed or replaced while it was read`, {
        cause: fault,
        next: "run the command again",
      });
    }
    return result;
  }
}
