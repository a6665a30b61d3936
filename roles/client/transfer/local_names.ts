/** The directory of a local file, and what a failing local disk is called to a person. */
import { asFault, Fault } from "../../../protocol/mod.ts";

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

/** Nothing takes the place of a device, and nothing is written through one by mistake. */
export function specialTarget(localPath: string): Fault {
  return new Fault("local-exists", `${localPath} is a device, a pipe or a socket`, {
    next: `to write into it, from outside: offshore get REMOTE - >${localPath}`,
  });
}
