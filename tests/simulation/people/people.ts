/**
 * Files that people left on the disks of seeders, outside `.offshore/`, and what their hands do to
 * them behind the seeders' backs. This is the truth about them: what each file holds now, what it
 * ever held, and which contents may be lost, because a hand took a copy before there was another.
 *
 * What an adopted name may be in the cluster is told from the place it was found at; a person at a
 * client who moved or replaced such a name is taken into account. Nothing is checked here.
 */
import { type ChunkId, limits, RemotePath } from "../../../protocol/mod.ts";
import { type Random, randomInt } from "../../../roles/kit/random.ts";
import type { Belief } from "./belief.ts";
import { type Cluster, stateOf } from "../machine/cluster.ts";
import { bytesOf, chunksOf, type Content, isContent, told } from "./contents.ts";
import type { Machine, World } from "../machine/world.ts";

const folder = "/disk";
/** Few, so that they meet on several disks; one is a file here and a folder there. */
const sources = [
  ...["/note.txt", "/same.bin", "/films/a.mp4", "/films/b"],
  ...["/box", "/box/a", "/deep/er/c.txt"],
] as const;
/** In one world; a storm may make trouble every few milliseconds. */
const deedsMost = 16;
const agoMs = 24 * 60 * 60_000;
const firstNumber = 1_000_000;
/** As long as a word of a good copy counts, and an order founded on it may be carried out. */
const wordMs = 3 * 60_000;

export class People {
  readonly #now = new Map<Machine, Map<string, Content>>();
  readonly #had = new Map<string, Set<Content>>();
  /** Of names that somebody moved: the places they came from. */
  readonly #movedFrom = new Map<RemotePath, readonly string[]>();
  readonly #all = new Map<number, Content>();
  #taken: { readonly content: Content; readonly atMs: number }[] = [];
  #busy = 0;
  #deeds = 0;
  /** Nobody need have them any more. */
  readonly mayBeLost = new Set<Content>();
  /** Places whose names somebody in the cluster removed, moved or replaced. */
  readonly touched = new Set<string>();

  constructor(
    readonly cluster: Cluster,
    private readonly random: Random,
    private readonly belief: Belief,
    private readonly trouble: {
      /** Where data may be destroyed, if anywhere: a copy there is not counted on. */
      readonly victim: Machine | undefined;
      readonly destroyedMs: () => number | undefined;
    },
  ) {}

  /** What a machine's disk holds before its seeder first looks. */
  furnish(machine: Machine): void {
    for (let i = randomInt(this.random, 1, 5); i > 0; i--) this.#add(machine);
  }

  /** A hand does something on the disk of this machine. */
  async act(machine: Machine): Promise<void> {
    if (++this.#deeds > deedsMost) return;
    this.#busy++;
    await this.#act(machine).finally(() => this.#busy--);
  }

  /** Whether no hand is at work. */
  get idle(): boolean {
    return this.#busy === 0;
  }

  async #act(machine: Machine): Promise<void> {
    const { random } = this;
    const { world } = this.cluster;
    // Of two disks with one name it is not known which stays.
    if (world.machines.some(({ name }) => name === `${machine.name}-twin`)) return;
    const dice = random.unit();
    if (dice < 0.35) return this.#add(machine);
    const here = [...this.#of(machine)];
    const [source, content] = here[randomInt(random, 0, Math.max(0, here.length - 1))] ?? [];
    if (source === undefined || content === undefined) return this.#add(machine);
    if (dice < 0.6) return await this.#take(machine, source, content);
    if (dice < 0.7) {
      this.#add(machine, content);
      return await this.#take(machine, source, content);
    }
    const next = this.#newContent();
    if (dice < 0.85) {
      // Written in two goes.
      const { number, sizeBytes } = next;
      this.#put(machine, source, { number, sizeBytes: Math.floor(sizeBytes / 2) });
      await this.#given(content);
      await pause(world, randomInt(random, 100, 4000));
      if (!this.#of(machine).has(source)) return;
    }
    const before = this.#of(machine).get(source);
    this.#put(machine, source, next);
    if (before !== undefined) await this.#given(before);
  }

  #add(machine: Machine, content = this.#newContent()): void {
    const source = sources[randomInt(this.random, 0, sources.length - 1)] ?? "/same.bin";
    const there = [...this.#of(machine).keys()];
    const isTaken = there.some((other) =>
      other === source || other.startsWith(`${source}/`) || source.startsWith(`${other}/`)
    );
    if (!isTaken) this.#put(machine, source, content);
  }

  #put(machine: Machine, source: string, content: Content): void {
    const path = folder + source;
    this.cluster.world.tell(`a hand on ${machine.name}: ${source} is ${told(content)}`);
    machine.disk.plantDirectory(path.slice(0, path.lastIndexOf("/")));
    machine.disk.plant(path, bytesOf(content));
    // Mostly as a copy that keeps its time; one that is new waits for the seeder's next look.
    if (this.random.unit() < 0.8) {
      const attributes = { mode: 0o644, modifiedMs: machine.clock.now() - agoMs };
      machine.disk.setAttributes(path, attributes).catch(() => {});
    }
    this.#of(machine).set(source, content);
    this.#had.set(source, (this.#had.get(source) ?? new Set()).add(content));
  }

  async #take(machine: Machine, source: string, content: Content): Promise<void> {
    this.cluster.world.tell(`a hand on ${machine.name}: ${source} is removed`);
    machine.disk.uproot(folder + source);
    this.#of(machine).delete(source);
    await this.#given(content);
  }

  #newContent(): Content {
    const { random } = this;
    const dice = random.unit();
    const sent = this.belief.attempted();
    const known = dice < 0.3 ? [...this.#all.values()] : dice < 0.4 ? sent : [];
    const chosen = known[randomInt(random, 0, Math.max(0, known.length - 1))];
    const kinds = [
      () => 0,
      () => randomInt(random, 1, 4096),
      () => randomInt(random, 1, 2 ** randomInt(random, 1, 18)),
      () => random.unit() < 0.2 ? limits.chunkBytesDefault + randomInt(random, 0, 5000) : 100_000,
    ];
    const sizeBytes = kinds[randomInt(random, 0, kinds.length - 1)]?.() ?? 0;
    const content = chosen ?? { number: firstNumber + this.#all.size, sizeBytes };
    this.#all.set(content.number, content);
    return content;
  }

  #of(machine: Machine): Map<string, Content> {
    const here = this.#now.get(machine) ?? new Map<string, Content>();
    this.#now.set(machine, here);
    return here;
  }

  /** Every file as it must lie there now. */
  files(): { machine: Machine; source: string; content: Content }[] {
    return [...this.#now].flatMap(([machine, files]) =>
      [...files].map(([source, content]) => ({ machine, source, content }))
    );
  }

  /** Contents that ever lay on a disk. */
  contents(): Content[] {
    return [...new Set(this.#had.values().flatMap((each) => each))];
  }

  /** What is not as a hand left it, in words. */
  disturbed(machine: Machine): string[] {
    const found = filesOn(machine);
    const here = this.#of(machine);
    const problems = found.filter((source) => !here.has(source))
      .map((source) => `${machine.name} has ${source}, which no hand left there`);
    for (const [source, content] of here) {
      const bytes = machine.disk.peek(folder + source);
      if (bytes !== undefined && isContent(bytes, content)) continue;
      const is = bytes === undefined ? "gone" : `${bytes.length} bytes`;
      problems.push(`${source} on ${machine.name} is ${is} and was left as ${told(content)}`);
    }
    return problems;
  }

  /** The disk was replaced by another: what lies there is what a person finds. */
  async replaced(machine: Machine): Promise<void> {
    const here = this.#of(machine);
    const before = [...here.values()];
    this.#busy++;
    here.clear();
    for (const source of filesOn(machine)) {
      const bytes = machine.disk.peek(folder + source);
      const content = [...this.#had.get(source) ?? []].find((one) =>
        bytes !== undefined && isContent(bytes, one)
      );
      if (content !== undefined) here.set(source, content);
    }
    for (const content of before) await this.#judge(content, 1);
    this.#busy--;
  }

  /** A copy of it in a file is no more. */
  async #given(content: Content): Promise<void> {
    const nowMs = this.cluster.world.timeline.elapsedMs;
    this.#taken.push({ content, atMs: nowMs });
    const lately = this.#lately((one) => one === content);
    const destroyedMs = this.trouble.destroyedMs() ?? -Infinity;
    await this.#judge(content, lately + (nowMs - destroyedMs < wordMs ? 1 : 0));
  }

  #lately(fits: (content: Content) => boolean): number {
    const nowMs = this.cluster.world.timeline.elapsedMs;
    this.#taken = this.#taken.filter(({ atMs }) => nowMs - atMs < wordMs);
    return this.#taken.filter(({ content }) => fits(content)).length;
  }

  /** How many copies of the chunk hands have taken within the time that a word of one counts. */
  takenLately(chunkId: ChunkId): number {
    return this.#lately((content) => idsOf(content).includes(chunkId));
  }

  /**
   * What has no other copy now that the tracker knows of may be lost; so may what has no copy more
   * than were taken while a word of them still counts: an order to give up another is on its way.
   */
  async #judge(content: Content, lately: number): Promise<void> {
    if (lately >= this.cluster.copies || !await this.#isElsewhere(content)) {
      this.mayBeLost.add(content);
    }
  }

  async #isElsewhere(content: Content): Promise<boolean> {
    const { cluster } = this;
    const recorded = await cluster.recorded().read(async (view) => ({
      holders: await view.holders(idsOf(content)),
      rows: await view.seeders(),
    })).catch(() => undefined);
    // The tracker ends at this very moment.
    if (recorded === undefined) return false;
    return idsOf(content).every((chunkId) =>
      cluster.seeders.some((machine) => {
        if (machine === this.trouble.victim) return false;
        const ids = recorded.rows.filter(({ name }) => name === machine.name)
          .map(({ seederId }) => seederId);
        const isKnown = recorded.holders.get(chunkId)?.some((id) => ids.includes(id)) === true;
        const store = cluster.stores.get(machine);
        const inPlace = this.#of(machine).values().some((one) => idsOf(one).includes(chunkId)) &&
          store?.sizeOf(chunkId) !== undefined;
        return isKnown && (inPlace || store?.isStored(chunkId) === true);
      })
    );
  }

  /** Which of the contents has these chunks. */
  withChunks(chunkIds: readonly ChunkId[]): Content[] {
    const wanted = chunkIds.join();
    return this.contents().filter((content) => idsOf(content).join() === wanted);
  }

  /** Chunks that nobody need have any more. */
  chunksMayBeLost(): Set<ChunkId> {
    return new Set([...this.mayBeLost].flatMap(idsOf));
  }

  /** Where a name was found on a disk. */
  placesOf(path: RemotePath): readonly string[] {
    const plain = path.replace(/ \(seeder-\d+\)( \d+)?/g, "");
    return this.#movedFrom.get(path) ?? [plain];
  }

  /** What a name may hold. */
  allowed(path: RemotePath): Content[] {
    return this.placesOf(path).flatMap((source) => [...this.#had.get(source) ?? []]);
  }

  /** Somebody in the cluster moves, removes or replaces the name. */
  touch(path: RemotePath, to?: RemotePath): void {
    const places = this.placesOf(path);
    for (const source of places) this.touched.add(source);
    if (to !== undefined) this.#movedFrom.set(to, places);
  }
}

function pause(world: World, ms: number): Promise<void> {
  return new Promise((resolve) => void world.timeline.after(ms, resolve));
}

const ids = new WeakMap<Content, ChunkId[]>();

/** As they are cut when they are adopted. */
function idsOf(content: Content): ChunkId[] {
  let found = ids.get(content);
  if (found === undefined) {
    found = chunksOf(content, limits.chunkBytesDefault).map(({ chunkId }) => chunkId);
    ids.set(content, found);
  }
  return found;
}

function filesOn({ disk }: Machine): string[] {
  const own = stateOf.seeder.slice(0, stateOf.seeder.lastIndexOf("/"));
  return disk.files(folder).map(({ path }) => path).filter((path) => !path.startsWith(`${own}/`))
    .map((path) => path.slice(folder.length));
}

/** Whether a path is outside the homes of those who sit at clients. */
export function isPeoples(path: string): path is RemotePath {
  return RemotePath.safeParse(path).success && !/^\/client-\d+(\/|$)/.test(path);
}
