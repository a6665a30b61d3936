/**
 * What a tracker may do now, as the status tells it. A tracker that has just started does not know
 * whether its disk is the latest there is: until the keepers of the log have said so, it gives
 * nothing up.
 */
import * as z from "zod";

export const AuthorityState = z.enum([
  /** Reads, repairs, and acknowledges what the keepers confirm; gives nothing up. */
  "proving",
  "ruling",
  /** As proving, until a person confirms. */
  "stopped",
  /** A later log or a later tracker exists: it answers reads, and does nothing else. */
  "fenced",
]);
export type AuthorityState = z.output<typeof AuthorityState>;

export const AuthorityStatus = z.strictObject({
  state: AuthorityState,
  /** Absent while it rules. */
  why: z.string().optional(),
  /** What a person does about it. */
  next: z.string().optional(),
});
export type AuthorityStatus = z.output<typeof AuthorityStatus>;

/**
 * On every reply of a tracker that is fenced: the time of the last operation it has, in
 * milliseconds. Whoever reads it says that what was read is of an earlier time.
 */
export const earlierTimeHeader = "offshore-earlier-time";
