/**
 * What a tracker may do, from what is known of its log and of others. Epochs are compared here and
 * nowhere else in the running tracker. Nothing is remembered here: whoever asks says what is known.
 */
import type { AuthorityStatus, LogMark, SeederId } from "../../../protocol/mod.ts";

/** How the keepers of the log stand to this tracker since it started. */
export interface Word {
  /** Whose word counts. */
  readonly named: readonly SeederId[];
  /** How many of them must have shown that they have no later log. */
  readonly needed: number;
  /** Those that have not shown it. */
  readonly missing: readonly SeederId[];
}

/** A later log or a later tracker was heard of. It is never forgotten by itself. */
export interface Fence {
  /** Signed by that tracker: its start, or an operation that this log lacks. */
  readonly later: LogMark;
  /** This log went on by itself since the start, so it is no beginning of the later one. */
  readonly parted: boolean;
}

export interface Brake {
  readonly sinceMs: number;
  readonly why: string;
  /** What a person does about it. */
  readonly next: string;
}

export interface AuthorityFacts {
  /** The record of this start. */
  readonly begun: LogMark;
  readonly fence: Fence | undefined;
  readonly brake: Brake | undefined;
  /** The keepers have spoken since this start: it is not asked again. */
  readonly isProved: boolean;
  readonly word: Word;
}

/** Whether the keepers have said enough. Where none is named nobody can know better. */
export function isProvedBy({ named, needed, missing }: Word): boolean {
  return named.length - missing.length >= Math.min(needed, named.length);
}

/** @param nameOf what people call a seeder */
export function standingOf(
  facts: AuthorityFacts,
  nameOf: (seederId: SeederId) => string,
): AuthorityStatus {
  const { fence, brake, begun, isProved, word } = facts;
  if (fence !== undefined) return { state: "fenced", ...fencedWords(fence, begun) };
  if (!isProved) return { state: "proving", ...provingWords(word, nameOf) };
  if (brake === undefined) return { state: "ruling" };
  return { state: "stopped", why: brake.why, next: brake.next };
}

function fencedWords({ later, parted }: Fence, begun: LogMark) {
  const isFork = later.epoch === begun.epoch && later.term !== begun.term;
  const what = isFork
    ? `two trackers began with epoch ${begun.epoch}`
    : `its epoch is ${begun.epoch}, and seeders have operation ${later.sequence} of epoch ` +
      `${later.epoch}, which its log lacks`;
  const why = "this tracker's disk is of an earlier time, or another tracker has taken over: " +
    what;
  const first = "if another tracker runs for this cluster, stop this one; if not, ";
  if (!parted) return { why, next: `${first}start this one with --catch-up` };
  return {
    why: `${why}; since then its own log went another way`,
    next: `${first}move its folder away and start it with --rebuild and the recovery code`,
  };
}

function provingWords(
  { named, needed, missing }: Word,
  nameOf: (seederId: SeederId) => string,
) {
  const shown = named.length - missing.length;
  const names = missing.map(nameOf).toSorted().join(", ");
  return {
    why: `since it started ${shown} of ${named.length} keepers of its log have shown that there ` +
      `is no later one, ${needed} are needed`,
    next: `nothing when the seeders run: it ends by itself; missing: ${names}; one of these that ` +
      "never comes back: forget SEEDER --now",
  };
}

/**
 * What the end of a seeder's log says that is not in this one: it was given up when this tracker
 * was rebuilt, or it is of a later time than this tracker's disk.
 * @param rebuiltEpoch records of a lower epoch that are not in the log were given up
 */
export function foreignLog(position: LogMark, rebuiltEpoch: number): "given-up" | "later" {
  return position.epoch < rebuiltEpoch ? "given-up" : "later";
}

/** Whether what a seeder heard is of another tracker than this, and not of an earlier one. */
export function isAnother(heard: LogMark, begun: LogMark): boolean {
  return heard.epoch >= begun.epoch && heard.term !== begun.term;
}

/** Of two that fence, the one to tell. */
export function isLater(one: LogMark, other: LogMark): boolean {
  return one.epoch > other.epoch || (one.epoch === other.epoch && one.sequence > other.sequence);
}
