/**
 * Names beside a local file, and what a failing local disk is called to the person at the screen.
 */
import { asFault, Fault, limits, startDigest } from "../../../protocol/mod.ts";

const suffix = ".offshore-part";
/** The longest name that is made from the part's: its sidecar while it is written. */
const longestSuffix = `${suffix}.json.new`;

/** Where a download gathers. A name too long to be made longer is replaced by its digest. */
export function partPathOf(localPath: string): string {
  const slash = localPath.lastIndexOf("/");
  const name = new TextEncoder().encode(localPath.slice(slash + 1));
  if (name.length + longestSuffix.length <= limits.segmentBytesMax) return localPath + suffix;
  const digest = startDigest();
  digest.update(name);
  return `${localPath.slice(0, slash + 1)}.${digest.hex().slice(0, 32)}${suffix}`;
}

/** The directory that holds `localPath`. */
export function localDirectoryOf(localPath: string): string {
  const slash = localPath.lastIndexOf("/");
  return slash < 0 ? "." : localPath.slice(0, Math.max(1, slash));
}

/**
 * `work` on the local disk; a full or failing one is `local-failed` here, not a seeder's trouble.
 */
export async function localFault<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const fault = asFault(error);
    if (!["disk-full", "disk-failed", "disk-unusable"].includes(fault.code)) throw fault;
    throw new Fault("local-failed", fault.message, { cause: fault });
  }
}
