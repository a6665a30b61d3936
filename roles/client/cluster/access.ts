/**
 * How the person gets into the cluster: with what an earlier login left behind, or with a login
 * code, whose credentials take the place of the old ones once the tracker has accepted it. Done
 * when the first command needs the cluster, and once.
 */
import { Fault, readCode, type Transport } from "../../../protocol/mod.ts";
import type { Clock } from "../../kit/clock.ts";
import { type Disk, readWhole } from "../../kit/disk.ts";
import type { Log } from "../../kit/log.ts";
import type { Random } from "../../kit/random.ts";
import type { Access } from "../command.ts";
import { type Credentials, loadCredentials, saveCredentials } from "./credentials.ts";
import { resolveLocal } from "../local_paths.ts";
import { login, openSession } from "./session.ts";
import type { ClientSettings } from "../settings.ts";
import { visible } from "../terminal/wording.ts";

export interface AccessParts {
  readonly settings: ClientSettings;
  readonly currentDirectory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly disk: Disk;
  readonly log: Log;
  readonly onWait: (text: string) => void;
}

/** A tracker that starts at the same moment writes its code within seconds. */
const codeFileWaitMs = 30_000;
const codeFileLookMs = 100;

/** A door that logs in on the first call; a failed login is tried again by the next one. */
export function lazyAccess(parts: AccessParts): (signal: AbortSignal) => Promise<Access> {
  let access: Access | undefined;
  return async (signal) => access ??= await openAccess(parts, signal);
}

async function openAccess(parts: AccessParts, signal: AbortSignal): Promise<Access> {
  const { settings } = parts;
  const credentials = await credentialsOf(parts, signal);
  const trackerAddress = settings.tracker ?? credentials.trackerAddress;
  const session = openSession({ ...parts, trackerAddress, token: credentials.token });
  return { session, trackerAddress, user: credentials.user };
}

/**
 * A code given outright logs in anew. One in a file is meant for unattended starts, where the same
 * words are used each time: credentials of the cluster that the code is for are used as they are.
 */
async function credentialsOf(parts: AccessParts, signal: AbortSignal): Promise<Credentials> {
  const { disk, settings } = parts;
  const { stateDirectory } = settings;
  if (settings.loginCode !== undefined) return await loginWith(parts, settings.loginCode, signal);
  if (settings.loginCodeFile !== undefined) {
    const path = resolveLocal(parts.currentDirectory, settings.loginCodeFile);
    const code = await codeFrom(parts, path, signal);
    const saved = await loadCredentials(disk, stateDirectory).catch(() => undefined);
    if (saved !== undefined && saved.clusterId === readCode(code).clusterId) return saved;
    return await loginWith(parts, code, signal);
  }
  const saved = await loadCredentials(disk, stateDirectory);
  if (saved !== undefined) return saved;
  throw new Fault("no-credentials", `nobody has logged in yet (nothing in ${stateDirectory})`, {
    next: "type: offshore --login-code CODE status, with the code that the tracker printed",
  });
}

async function loginWith(
  parts: AccessParts,
  code: string,
  signal: AbortSignal,
): Promise<Credentials> {
  const { tracker } = parts.settings;
  const address = tracker === undefined ? {} : { trackerAddress: tracker };
  const credentials = await login({ ...parts, ...address, code, signal });
  await saveCredentials(parts.disk, parts.settings.stateDirectory, credentials, parts.random);
  return credentials;
}

async function codeFrom(parts: AccessParts, path: string, signal: AbortSignal): Promise<string> {
  const { clock, disk } = parts;
  const endMs = clock.now() + codeFileWaitMs;
  for (;;) {
    const bytes = await readWhole(disk, path);
    const text = new TextDecoder().decode(bytes).trim();
    if (text !== "") return text;
    if (clock.now() >= endMs) {
      throw new Fault("no-credentials", `no login code appeared in ${visible(path)}`, {
        next: "check that the tracker runs and where it keeps its codes",
      });
    }
    await clock.sleep(codeFileLookMs, signal);
  }
}
