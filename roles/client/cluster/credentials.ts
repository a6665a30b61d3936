/** What a login left behind on this machine: one JSON file that only its owner may read. */
import * as z from "zod";
import { BaseUrl, Fault } from "../../../protocol/mod.ts";
import { writeBeside } from "../../kit/beside.ts";
import { type Disk, readWhole } from "../../kit/disk.ts";
import type { Random } from "../../kit/random.ts";

export const Credentials = z.strictObject({
  trackerAddress: BaseUrl,
  token: z.string().min(1),
  user: z.string(),
  clusterId: z.string(),
});
export type Credentials = z.output<typeof Credentials>;

function pathIn(stateDirectory: string): string {
  return `${stateDirectory}/client.json`;
}

/** Undefined where nobody logged in yet. Throws `config-corrupt` when the file is damaged. */
export async function loadCredentials(
  disk: Disk,
  stateDirectory: string,
): Promise<Credentials | undefined> {
  const path = pathIn(stateDirectory);
  const bytes = await readWhole(disk, path);
  if (bytes === undefined) return undefined;
  try {
    return Credentials.parse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  } catch (cause) {
    throw new Fault("config-corrupt", `${path} does not hold what a login writes`, {
      cause,
      next: `remove ${path} and log in again with a login code`,
    });
  }
}

/**
 * Closed to others before the first byte is in it, and in place only when it is whole and synced.
 */
export async function saveCredentials(
  disk: Disk,
  stateDirectory: string,
  credentials: Credentials,
  random: Random,
): Promise<void> {
  await disk.makeDirectory(stateDirectory);
  const bytes = new TextEncoder().encode(`${JSON.stringify(credentials, null, 2)}\n`);
  await writeBeside(disk, random, pathIn(stateDirectory), bytes, 0o600);
}
