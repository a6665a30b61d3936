/**
 * What an honest observer outside the cluster believes: which content each path may have, from what
 * the clients were told. A success leaves one possibility; a failure adds the outcome it may have
 * had after all, because the reply may have been lost. Paths never spoken of are absent.
 *
 * Each path has one writer at a time; the drivers see to that.
 */
import type { RemotePath, VersionId } from "../../protocol/mod.ts";
import { type Content, told } from "./contents.ts";

/** A file that is there, or none. */
export type Possibility = Content | "absent";

export class Belief {
  readonly #paths = new Map<RemotePath, Set<Possibility>>();
  readonly #attempted: Content[] = [];
  /** Contents acknowledged under a version. */
  readonly #versions = new Map<VersionId, Content>();
  /** What was certainly moved to the trash, by the number of its entry, and lies there still. */
  readonly trash = new Map<number, { readonly path: RemotePath; readonly content: Content }>();
  /** Somebody was told of no success when emptying all of it: it may still happen. */
  trashInDoubt = false;
  /** Somebody gave something up for good, with all its versions. */
  versionsInDoubt = false;
  /** Contents whose acknowledgement promised fewer copies than the policy asks for. */
  readonly atRisk = new Set<Content>();

  possibilities(path: RemotePath): Possibility[] {
    return [...this.#paths.get(path) ?? ["absent"]];
  }

  paths(): RemotePath[] {
    return [...this.#paths.keys()].sort();
  }

  /** An upload begins: from now on it may be there. */
  attempt(path: RemotePath, content: Content): void {
    this.#attempted.push(content);
    this.mayBe(path, content);
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

  acknowledged(path: RemotePath, versionId: VersionId, content: Content): void {
    this.#versions.set(versionId, content);
    this.is(path, content);
  }

  /**
   * The versions that must still be there, whether current, old or in the trash: all that were
   * acknowledged, as long as a policy keeps so many and nobody gave any up. Contents that may have
   * been sent more than once, as the smallest are, are left out: the same bytes over themselves
   * keep no version.
   */
  versionsKept(): Map<VersionId, Content> {
    if (this.versionsInDoubt) return new Map();
    const times = new Map<Content, number>();
    for (const content of this.#attempted) times.set(content, (times.get(content) ?? 0) + 1);
    return new Map(
      [...this.#versions].filter(([, content]) =>
        content.sizeBytes >= 16 && times.get(content) === 1
      ),
    );
  }

  /** How many versions were acknowledged. */
  get acknowledgements(): number {
    return this.#versions.size;
  }

  contentOf(versionId: VersionId): Content | undefined {
    return this.#versions.get(versionId);
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
