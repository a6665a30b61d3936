/**
 * How the person gets into the cluster: with what an earlier login left behind, or with a login
 * code, whose credentials take the place of the old ones once the tracker has accepted it. Done
 * when the first command needs the cluster, and once.
 */
import { asFault, Fault, readCode, type Transport } from "../../../protocol/mod.ts";
import type { Clock } from "../../kit/clock.ts";
import { type Disk, readWhole } from "../../kit/disk.ts";
import type { Log } from "../../kit/log.ts";
import type { Random } from "../../kit/random.ts";
import type { SecretInput } from "../../kit/secret_input.ts";
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
  /** Where a code is read from that was announced as `-`. */
  readonly secretInput: SecretInput;
}

/** The way in of one run of the program, shared by its commands. */
export interface Door {
  /** Logs in on the first call; a failed login is tried again by the next one. */
  open(signal: AbortSignal): Promise<Access>;
  /** Logs in anew; the login takes the place of the one before only when it worked. */
  logIn(code: string, signal: AbortSignal): Promise<Access>;
}

/** A tracker that starts at the same moment writes its code within seconds. */
const codeFileWaitMs = 30_000;
const codeFileLookMs = 100;
/** It writes another one before it answers whoever used the last. */
const otherCodeWaitMs = 2_000;

export function openDoor(parts: AccessParts): Door {
  let access: Access | undefined;
  return {
    open: async (signal) => access ??= accessOf(parts, await credentialsOf(parts, signal)),
    logIn: async (code, signal) => access = accessOf(parts, await loginWith(parts, code, signal)),
  };
}

function accessOf(parts: AccessParts, credentials: Credentials): Access {
  const trackerAddress = parts.settings.tracker ?? credentials.trackerAddress;
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
  if (settings.loginCodeFile === "-") {
    const code = await parts.secretInput.ask("login code: ");
    if (code === undefined) throw new Fault("no-credentials", "standard input holds no login code");
    return await loginWith(parts, code, signal);
  }
  if (settings.loginCodeFile !== undefined) {
    const path = resolveLocal(parts.currentDirectory, settings.loginCodeFile);
    const code = await codeFrom(parts, path, signal);
    const saved = await loadCredentials(disk, stateDirectory).catch(() => undefined);
    if (saved !== undefined && saved.clusterId === readCode(code).claims.clusterId) return saved;
    return await loginFrom(parts, path, code, signal);
  }
  const saved = await loadCredentials(disk, stateDirectory);
  if (saved !== undefined) return saved;
  throw new Fault("no-credentials", `nobody has logged in yet (nothing in ${stateDirectory})`, {
    next: "type: offshore login; it asks for a login code, which login-code of another client " +
      "prints, or offshore codes on the tracker's machine",
  });
}

/**
 * The code in a file that a tracker keeps fresh serves once: where another client took it first,
 * there is another in a moment.
 */
async function loginFrom(
  parts: AccessParts,
  path: string,
  code: string,
  signal: AbortSignal,
): Promise<Credentials> {
  try {
    return await loginWith(parts, code, signal);
  } catch (error) {
    if (asFault(error).code !== "code-invalid") throw error;
    const other = await codeFrom(parts, path, signal, code).catch(() => undefined);
    if (other === undefined) throw error;
    return await loginFrom(parts, path, other, signal);
  }
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

/** @param but one that is known to be of no use */
async function codeFrom(
  parts: AccessParts,
  path: string,
  signal: AbortSignal,
  but = "",
): Promise<string> {
  const { clock, disk } = parts;
  const endMs = clock.now() + (but === "" ? codeFileWaitMs : otherCodeWaitMs);
  for (;;) {
    const bytes = await readWhole(disk, path);
    const text = new TextDecoder().decode(bytes).trim();
    if (text !== "" && text !== but) return text;
    if (clock.now() >= endMs) {
      throw new Fault("no-credentials", `no login code appeared in ${visible(path)}`, {
        next: "check that the tracker runs and where it keeps its codes",
      });
    }
    await clock.sleep(codeFileLookMs, signal);
  }
}
