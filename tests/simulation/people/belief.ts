/**
 * What an honest observer outside the cluster believes: which content each path may have, from what
 * the clients were told. A success leaves one possibility; a failure adds the outcome it may have
 * had after all, because the reply may have been lost. Paths never spoken of are absent.
 *
 * Each path has one writer at a time; the drivers see to that.
 */
import { limits, type RemotePath, resolvePath, type VersionId } from "../../../protocol/mod.ts";
import { type Content, told } from "./contents.ts";
import { Policies } from "./policies.ts";

/** A file that is there, or none. */
export type Possibility = Content | "absent";

interface Acknowledged {
  readonly content: Content;
  readonly wanted: number;
  /** How many may have taken its place since. */
  overwrites: number;
}

export class Belief {
  readonly #paths = new Map<RemotePath, Set<Possibility>>();
  readonly #attempted: Content[] = [];
  /** Contents acknowledged under a version, with the copies that were promised. */
  readonly #versions = new Map<VersionId, Acknowledged>();
  /** Under which paths a version may be, current or earlier. */
  readonly #living = new Map<RemotePath, Set<VersionId>>();
  /** How many earlier versions a file may have at most, where its last overwrite tells. */
  readonly versionsMost = new Map<RemotePath, number>();
  readonly policies: Policies;
  /** What was certainly moved to the trash, by the number of its entry, and lies there still. */
  readonly trash = new Map<number, { readonly path: RemotePath; readonly content: Content }>();
  /** Somebody was told of no success when emptying all of it: it may still happen. */
  trashInDoubt = false;
  /** Somebody gave something up for good, with all its versions. */
  versionsInDoubt = false;
  /** Contents whose acknowledgement promised fewer copies than the policy asks for. */
  readonly atRisk = new Set<Content>();

  /** @param copies of each file, where no policy says otherwise */
  constructor(copies = 2) {
    this.policies = new Policies({ copies, versions: limits.versionsMax });
  }

  possibilities(path: RemotePath): Possibility[] {
    return [...this.#paths.get(path) ?? ["absent"]];
  }

  paths(): RemotePath[] {
    return [...this.#paths.keys()].sort();
  }

  /** An upload begins: from now on it may be there. */
  attempt(path: RemotePath, content: Content): void {
    this.#attempted.push(content);
    this.overwritten(path);
    this.mayBe(path, content);
  }

  /** What is there may get one more that took its place. */
  overwritten(path: RemotePath): void {
    this.versionsMost.delete(path);
    for (const versionId of this.#living.get(path) ?? []) {
      const version = this.#versions.get(versionId);
      if (version !== undefined) version.overwrites++;
    }
  }

  /** What was there before `now` may have found no room as an earlier version. */
  mayBeGone(path: RemotePath, now: VersionId | undefined): void {
    for (const versionId of this.#living.get(path) ?? []) {
      const version = this.#versions.get(versionId);
      if (version !== undefined && versionId !== now) version.overwrites = Infinity;
    }
  }

  /** Every content that was ever sent, the latest first. */
  attempted(): Content[] {
    return this.#attempted.toReversed();
  }

  /** The client was told that `path` is so now. */
  is(path: RemotePath, now: Possibility): void {
    this.#paths.set(path, new Set([now]));
  }

  oneOf(path: RemotePath, now: readonly Possibility[]): void {
    if (now.length > 0) this.#paths.set(path, new Set(now));
  }

  /** The client was told of a failure, or of nothing: it may be so now, or as before. */
  mayBe(path: RemotePath, ...now: readonly Possibility[]): void {
    this.#paths.set(path, new Set([...this.possibilities(path), ...now]));
  }

  acknowledged(path: RemotePath, versionId: VersionId, content: Content, wanted: number): void {
    this.#versions.set(versionId, { content, wanted, overwrites: 0 });
    this.#livesAt(path, versionId);
    // The same bytes over themselves let no earlier version go.
    const isOther = content.sizeBytes >= 16 && this.#attempted.indexOf(content) ===
        this.#attempted.lastIndexOf(content);
    this.is(path, content);
    if (isOther) this.#bounded(path);
  }

  /** The file was overwritten just now: it has no more earlier versions than its policy says. */
  #bounded(path: RemotePath): void {
    const versions = this.policies.versionsIn(resolvePath(path, ".."));
    this.versionsMost.set(path, Math.max(...versions));
  }

  /** What was at `from` may be at `to`, with its versions. */
  moved(from: RemotePath, to: RemotePath): void {
    this.versionsMost.delete(from);
    this.versionsMost.delete(to);
    for (const versionId of this.#living.get(from) ?? []) this.#livesAt(to, versionId);
  }

  #livesAt(path: RemotePath, versionId: VersionId): void {
    this.#living.set(path, (this.#living.get(path) ?? new Set()).add(versionId));
  }

  /**
   * The versions that must still be there, whether current, old or in the trash: all that were
   * acknowledged, as long as nobody gave any up and no more others can have taken their places than
   * the policies keep. Contents that may have been sent more than once, as the smallest are, are
   * left out: the same bytes over themselves keep no version.
   */
  versionsKept(): Map<VersionId, Content> {
    if (this.versionsInDoubt) return new Map();
    const times = new Map<Content, number>();
    for (const content of this.#attempted) times.set(content, (times.get(content) ?? 0) + 1);
    const least = new Map<VersionId, number>();
    for (const [path, versionIds] of this.#living) {
      const here = this.policies.versionsLeast(resolvePath(path, ".."));
      for (const each of versionIds) least.set(each, Math.min(least.get(each) ?? here, here));
    }
    const kept = new Map<VersionId, Content>();
    for (const [versionId, { content, overwrites }] of this.#versions) {
      const isSentOnce = content.sizeBytes >= 16 && times.get(content) === 1;
      if (isSentOnce && overwrites <= (least.get(versionId) ?? 0)) kept.set(versionId, content);
    }
    return kept;
  }

  /** How many versions were acknowledged. */
  get acknowledgements(): number {
    return this.#versions.size;
  }

  contentOf(versionId: VersionId): Content | undefined {
    return this.#versions.get(versionId)?.content;
  }

  /** The copies that were promised for a version. */
  wantedOf(versionId: VersionId): number | undefined {
    return this.#versions.get(versionId)?.wanted;
  }

  /** The copies that every version of this content has been promised. */
  leastWanted(content: Content): number {
    const all = [...this.#versions.values()].filter((one) => one.content === content);
    return all.length === 0 ? 1 : Math.min(...all.map(({ wanted }) => wanted));
  }

  /** The content when there is no doubt about it. */
  certain(path: RemotePath): Content | undefined {
    const [one, ...others] = this.possibilities(path);
    return others.length > 0 || one === "absent" ? undefined : one;
  }

  allows(path: RemotePath, found: Possibility): boolean {
    return this.possibilities(path).includes(found);
  }

  worded(path: RemotePath): string {
    return this.possibilities(path).map((one) => one === "absent" ? one : told(one)).join(" or ");
  }
}
