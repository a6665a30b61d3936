/**
 * A person at a client: does one thing after another in a directory of their own, looks into those
 * of others, and writes down in the belief what the client told them. Whatever comes down, at any
 * time, must be what some upload sent under that version.
 */
import { childOf, type RemotePath, resolvePath } from "../../../protocol/mod.ts";
import { downloadFiles } from "../../../roles/client/transfer/download.ts";
import { readFile } from "../../../roles/client/transfer/read.ts";
import { type FileResult, silentObserver } from "../../../roles/client/transfer/transfer.ts";
import { uploadFiles, type UploadSource } from "../../../roles/client/transfer/upload.ts";
import { type Random, randomInt } from "../../../roles/kit/random.ts";
import type { Belief, Possibility } from "./belief.ts";
import type { ClientMachine, Cluster } from "../machine/cluster.ts";
import { type Outcome, Person } from "./person.ts";
import type { People } from "./people.ts";
import { changePolicy, type PolicyRange } from "./policies.ts";
import { visit } from "./visits.ts";
import { bytesOf, chunkSizeBytes, type Content, isContent, streamOf, told } from "./contents.ts";

/** What else an actor has to do with. */
export interface Concerns {
  /** Among which numbers it changes policies; without it, it does not. */
  readonly policies?: PolicyRange | undefined;
  /** Whose files it looks at. */
  readonly people?: People | undefined;
}

export class Actor extends Person {
  #files = 0;

  constructor(
    cluster: Cluster,
    client: ClientMachine,
    belief: Belief,
    random: Random,
    /** Largest file this actor sends. */
    private readonly bytesMost: number,
    private readonly concerns: Concerns = {},
  ) {
    super(cluster, client, belief, random);
  }

  async live(steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) {
      await this.step();
      await this.sleep(2 ** randomInt(this.random, 4, 11));
    }
  }

  async step(): Promise<void> {
    const { policies, people } = this.concerns;
    if (policies !== undefined && this.random.unit() < 0.35) {
      return await this.#policyStep(policies);
    }
    if (people !== undefined && this.random.unit() < 0.35) {
      return await visit(this, people, this.client === this.cluster.clients[0]);
    }
    const dice = this.random.unit();
    if (dice < 0.4) return void await this.upload(this.someFiles(randomInt(this.random, 1, 3)));
    if (dice < 0.5) {
      return void await this.upload(this.someFiles(randomInt(this.random, 4, 8), 3000));
    }
    if (dice < 0.7) return void await this.download(this.#anyPath());
    if (dice < 0.77) return await this.readRange(this.#anyPath());
    if (dice < 0.86) return await this.remove(this.#anyOwn());
    if (dice < 0.92) return await this.move(this.#anyOwn(), this.#ownPath());
    if (dice < 0.94) return await this.removeTree(`d${randomInt(this.random, 0, 1)}`);
    if (dice < 0.96) return await this.restore();
    if (dice < 0.98) return await this.overwriteAndRevert(this.#anyOwn());
    return await this.emptyTrash();
  }

  /** What policies are about. */
  async #policyStep(policies: PolicyRange): Promise<void> {
    const dice = this.random.unit();
    if (dice < 0.4) return await changePolicy(this, policies);
    if (dice < 0.75) return await this.overwriteAndRevert(this.#anyOwn(), dice < 0.6);
    if (dice < 0.85) return await this.remove(this.#anyOwn());
    if (dice < 0.95) return await this.restore();
    return await this.emptyTrash();
  }

  /** Files of random sizes to random paths of the home, all in one upload. */
  someFiles(count: number, bytesMost = this.bytesMost): Map<RemotePath, Content> {
    const wanted = new Map<RemotePath, Content>();
    for (let i = 0; i < count; i++) wanted.set(this.#ownPath(), this.newContent(bytesMost));
    return wanted;
  }

  /** Now and then one that was sent before, which then shares its chunks. */
  newContent(bytesMost: number): Content {
    const { random } = this;
    const number = ++this.#files * 16 + this.cluster.clients.indexOf(this.client);
    if (random.unit() < 0.1) {
      const { people } = this.concerns;
      const all = [...this.belief.attempted(), ...people?.contents() ?? []];
      const earlier = all.filter((one) => one.sizeBytes <= bytesMost);
      const chosen = earlier[randomInt(random, 0, Math.max(0, earlier.length - 1))];
      if (chosen !== undefined) return chosen;
    }
    const kinds = [
      () => randomInt(random, 0, 2),
      () => randomInt(random, 1, 4096),
      () => randomInt(random, 1, 2 ** randomInt(random, 1, 18)),
      () => chunkSizeBytes + randomInt(random, -1, 1),
      () => randomInt(random, chunkSizeBytes, 3 * chunkSizeBytes),
    ];
    const sizeBytes = kinds[randomInt(random, 0, kinds.length - 1)]?.() ?? 0;
    return { number, sizeBytes: Math.min(bytesMost, sizeBytes) };
  }

  /** What came of each path; an upload the client did not live to report is left out. */
  async upload(wanted: ReadonlyMap<RemotePath, Content>): Promise<Map<RemotePath, FileResult>> {
    const { belief, client } = this;
    const sources: UploadSource[] = [];
    const copies = new Map<RemotePath, number[]>();
    for (const [path, content] of wanted) {
      belief.attempt(path, content);
      copies.set(path, belief.policies.copiesIn(resolvePath(path, "..")));
      const localPath = homeOf(content);
      client.machine.disk.plant(localPath, bytesOf(content));
      const { sizeBytes } = content;
      sources.push({
        path,
        content: this.random.unit() < 0.8
          ? { kind: "file", localPath, sizeBytes }
          : { kind: "stream", stream: streamOf(bytesOf(content)) },
        modifiedMs: client.machine.clock.now(),
        mode: 0o644,
      });
    }
    const results = new Map<RemotePath, FileResult>();
    const outcome = await this.attempt(`uploads ${wanted.size}`, async (session) => {
      const directories = new Set([...wanted.keys()].map((path) => resolvePath(path, "..")));
      await session.tracker.makeDirectories({ paths: [...directories], parents: true });
      const options = {
        condition: { kind: "replace" },
        observer: silentObserver,
        chunkSizeBytes,
      } as const;
      for await (const result of uploadFiles(session, sources, options)) {
        const path = sources.find((source) => source.path === result.path)?.path;
        const content = path && wanted.get(path);
        if (path === undefined || content === undefined) {
          this.fail(`an upload reported ${result.path}, which was not asked for`);
        } else if (result.fault !== undefined) {
          this.meet(`upload of ${path}`, result.fault);
          results.set(path, result);
        } else {
          this.tell(`${path} is ${told(content)}, version ${result.versionId}`);
          const { versionId, wanted = 0 } = result;
          if (versionId === undefined) this.fail(`${path}: acknowledged with no version`);
          else belief.acknowledged(path, versionId, content, wanted);
          const allowed = copies.get(path) ?? [];
          if (!allowed.includes(wanted)) this.fail(`${path} gets ${wanted} copies, not ${allowed}`);
          if ((result.copies ?? 0) < (result.wanted ?? 0)) belief.atRisk.add(content);
          results.set(path, result);
        }
      }
    });
    for (const path of wanted.keys()) {
      const { kept, gone, versionId } = results.get(path) ?? {};
      if (this.cluster.options.share === undefined) {
        if (gone?.why === "room") this.fail(`${path}: no room for the version before`);
      } else if (kept === undefined) belief.mayBeGone(path, versionId);
    }
    for (const content of wanted.values()) client.machine.disk.uproot(homeOf(content));
    if (outcome.kind === "done" && results.size !== wanted.size) {
      this.fail(`${wanted.size} files were to be uploaded, ${results.size} were reported`);
    }
    return results;
  }

  /** The bytes when they came. A file that is certainly there may fail, but never be denied. */
  async download(path: RemotePath): Promise<Uint8Array | undefined> {
    const localPath = `/home/down-${++this.#files}`;
    const before = this.belief.possibilities(path);
    const outcome = await this.attempt(`downloads ${path}`, async (session) => {
      const wanted = [{ target: { path }, localPath, name: path }];
      const options = { force: true, observer: silentObserver };
      for await (const result of downloadFiles(session, wanted, options)) return result;
      return this.fail(`the download of ${path} reported nothing`);
    });
    if (outcome.kind !== "done" || outcome.value === undefined) return undefined;
    const { fault, versionId } = outcome.value;
    if (fault !== undefined) {
      this.meet(`download of ${path}`, fault);
      if (fault.code === "not-found") this.#expect(path, before, "absent");
      return undefined;
    }
    const bytes = this.client.machine.disk.peek(localPath);
    if (bytes === undefined) return this.fail(`${path} was downloaded and is not on the disk`);
    this.client.machine.disk.uproot(localPath);
    const known = versionId === undefined ? undefined : this.belief.contentOf(versionId);
    const adopted = this.concerns.people?.allowed(path) ?? [];
    const candidates = known === undefined ? [...this.belief.attempted(), ...adopted] : [known];
    const content = candidates.find((one) => isContent(bytes, one));
    if (content === undefined) {
      return this.fail(
        `${path} came down as ${bytes.length} bytes that are not ` +
          `${known === undefined ? "of any upload" : told(known)}`,
      );
    }
    this.#expect(path, before, content);
    return bytes;
  }

  async readRange(path: RemotePath): Promise<void> {
    const before = this.belief.possibilities(path);
    const start = randomInt(this.random, 0, 2000);
    const end = start + randomInt(this.random, 0, 2 ** randomInt(this.random, 0, 21));
    const outcome = await this.attempt(`reads ${start} to ${end} of ${path}`, async (session) => {
      const parts: number[] = [];
      for await (const part of readFile(session, { path }, { start, end }, {})) {
        for (const byte of part) parts.push(byte);
      }
      return parts;
    });
    if (outcome.kind === "failed" && outcome.fault.code === "not-found") {
      this.#expect(path, before, "absent");
    }
    if (outcome.kind !== "done" || !this.isOwn(path)) return;
    const right = before.some((one) => {
      if (one === "absent") return false;
      const wanted = bytesOf(one).subarray(start, end);
      return wanted.length === outcome.value.length &&
        wanted.every((byte, i) => byte === outcome.value[i]);
    });
    if (!right) this.fail(`${start} to ${end} of ${path} is not of ${this.belief.worded(path)}`);
  }

  async remove(path: RemotePath): Promise<void> {
    const before = this.belief.possibilities(path);
    const content = this.belief.certain(path);
    this.belief.mayBe(path, "absent");
    const now = this.random.unit() < 0.2;
    if (now) this.belief.versionsInDoubt = true;
    // A tracker that was rebuilt in between does not know what it answered before.
    const { disksLost } = this.cluster;
    const outcome = await this.attempt(
      `removes ${path}${now ? " for good" : ""}`,
      (session) => session.tracker.remove({ path, what: "file", ...(now ? { now } : {}) }),
    );
    if (outcome.kind === "done") {
      this.belief.is(path, "absent");
      const { trashId } = outcome.value;
      if (content !== undefined && trashId !== undefined) {
        this.belief.trash.set(trashId, { path, content });
      }
    } else if (this.#didNotFit(outcome)) this.belief.oneOf(path, before);
    else if (outcome.kind === "failed" && outcome.fault.code === "not-found") {
      if (disksLost === this.cluster.disksLost) this.#expect(path, before, "absent");
    }
  }

  async overwriteAndRevert(path: RemotePath, undo = false): Promise<void> {
    for (let i = randomInt(this.random, 1, 2); i > 0; i--) {
      await this.upload(new Map([[path, this.newContent(3000)]]));
    }
    await this.revert(path, undo);
  }

  /** To some earlier version of which it is known what it held, or to the one before. */
  async revert(path: RemotePath, undo = false): Promise<void> {
    const { belief, random } = this;
    const listed = await this.attempt(
      `lists the versions of ${path}`,
      (session) => session.tracker.versions({ target: { path } }),
    );
    if (listed.kind !== "done") return;
    const { versions } = listed.value;
    const current = versions.find((version) => version.current)?.versionId;
    const candidates = undo ? versions.filter((version) => !version.current).slice(0, 1) : versions;
    const old = candidates.flatMap(({ versionId, current }) => {
      const content = belief.contentOf(versionId);
      return current || content === undefined ? [] : { versionId, content };
    });
    const chosen = old[randomInt(random, 0, Math.max(0, old.length - 1))];
    if (current === undefined || chosen === undefined) return;
    const { versionId, content } = chosen;
    belief.overwritten(path);
    belief.mayBe(path, content);
    const outcome = await this.attempt(
      `makes ${path} ${told(content)} again`,
      (session) => session.tracker.revertFile({ path, versionId, current }),
    );
    if (outcome.kind === "done") belief.is(path, content);
  }

  async move(from: RemotePath, to: RemotePath): Promise<void> {
    if (from === to) return;
    const { belief } = this;
    const before = belief.possibilities(from);
    const moved = before.filter((one) => one !== "absent");
    belief.mayBe(to, ...moved);
    belief.mayBe(from, "absent");
    belief.overwritten(to);
    belief.moved(from, to);
    const outcome = await this.attempt(
      `moves ${from} to ${to}`,
      (session) => session.tracker.move({ from, to, replace: true }),
    );
    if (this.#didNotFit(outcome)) belief.oneOf(from, before);
    if (outcome.kind !== "done") return;
    belief.is(from, "absent");
    belief.oneOf(to, moved);
  }

  /** The trash had no room, and nothing was done. */
  #didNotFit(outcome: Outcome<unknown>): boolean {
    if (outcome.kind !== "failed" || outcome.fault.code !== "trash-full") return false;
    if (this.cluster.options.share === undefined) this.fail("the trash is full, and takes all");
    return true;
  }

  async removeTree(name: string): Promise<void> {
    const directory = childOf(this.home, name);
    this.belief.policies.forgotten(directory);
    const below = this.belief.paths().filter((path) => path.startsWith(`${directory}/`));
    const before = below.map((path) => this.belief.possibilities(path));
    for (const path of below) this.belief.mayBe(path, "absent");
    const outcome = await this.attempt(
      `removes all of ${directory}`,
      (session) => session.tracker.remove({ path: directory, what: "tree" }),
    );
    const isFull = this.#didNotFit(outcome);
    for (const [i, path] of below.entries()) {
      if (isFull) this.belief.oneOf(path, before[i] ?? []);
      else if (outcome.kind === "done") this.belief.is(path, "absent");
    }
  }

  /** Takes back what was removed from a name that is free. */
  async restore(): Promise<void> {
    const { belief } = this;
    const [chosen] = [...belief.trash].filter(([, { path }]) =>
      this.isOwn(path) && belief.allows(path, "absent")
    );
    if (chosen === undefined) return;
    const [trashId, { path, content }] = chosen;
    belief.overwritten(path);
    belief.trash.delete(trashId);
    belief.mayBe(path, content);
    const outcome = await this.attempt(
      `restores ${path}`,
      (session) => session.tracker.restore({ what: { trashId } }),
    );
    if (outcome.kind === "done") belief.is(path, content);
  }

  /** Of one entry that it knows, or of all, also those of others. */
  async emptyTrash(): Promise<void> {
    const { trash } = this.belief;
    const all = this.random.unit() < 0.3;
    const own = [...trash].filter(([, { path }]) => this.isOwn(path)).map(([trashId]) => trashId);
    const trashIds = all ? "all" : own.slice(0, 1);
    if (trashIds.length === 0) return;
    this.belief.versionsInDoubt = true;
    if (all) trash.clear();
    else for (const trashId of own.slice(0, 1)) trash.delete(trashId);
    const outcome = await this.attempt(
      `empties the trash of ${trashIds}`,
      (session) => session.tracker.emptyTrash({ trashIds }),
    );
    // What another moved there meanwhile may have gone with it.
    if (all) trash.clear();
    if (all && outcome.kind !== "done") this.belief.trashInDoubt = true;
  }

  /** Only of the own home can it be said what must be seen: others write to theirs meanwhile. */
  #expect(path: RemotePath, before: readonly Possibility[], found: Possibility): void {
    if (!this.isOwn(path) || before.includes(found)) return;
    const worded = found === "absent" ? "absent" : told(found);
    this.fail(`${path} is ${worded} where it must be ${this.belief.worded(path)}`);
  }

  #ownPath(): RemotePath {
    const directory = this.random.unit() < 0.5 ? "" : `d${randomInt(this.random, 0, 1)}/`;
    return childOf(this.home, `${directory}f${randomInt(this.random, 0, 11)}`);
  }

  /** Mostly one that was spoken of. */
  #anyOwn(): RemotePath {
    const known = this.belief.paths().filter((path) => this.isOwn(path));
    if (known.length === 0 || this.random.unit() < 0.2) return this.#ownPath();
    return known[randomInt(this.random, 0, known.length - 1)] ?? this.#ownPath();
  }

  #anyPath(): RemotePath {
    const { random } = this;
    const known = this.belief.paths();
    if (known.length === 0 || random.unit() < 0.2) return this.#ownPath();
    return known[randomInt(random, 0, known.length - 1)] ?? this.#ownPath();
  }
}

/** Where an upload's local file lies: two contents may share a number, one is then cut short. */
function homeOf({ number, sizeBytes }: Content): string {
  return `/home/up-${number}-${sizeBytes}`;
}
