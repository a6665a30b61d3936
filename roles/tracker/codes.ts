/**
 * Join and login codes: made on request, and kept fresh in two files so that a local cluster or a
 * compose file can pick them up without a person. Whoever can read the files can join, so only the
 * tracker's user can.
 */
import {
  BaseUrl,
  checkCode,
  type CodePurpose,
  limits,
  makeCode,
  makePersonToken,
} from "../../protocol/mod.ts";
import { type Disk, writeDurably } from "../kit/disk.ts";
import { secretFileMode } from "./cluster_keys.ts";
import type { Ground } from "./ground.ts";

type CodeNeeds = Pick<Ground, "keys" | "now">;

export interface CodesParts {
  readonly core: CodeNeeds;
  readonly disk: Disk;
  /** Holds the files `join` and `login`. */
  readonly directory: string;
  /** Further files to keep fresh, for those who may read one code and not the other. */
  readonly also: Partial<Record<CodePurpose, string>>;
  readonly publicUrl: string;
}

/** The user of every login code until people have names of their own. */
const firstUser = "admin";

export class Codes {
  #writtenMs: number | undefined;

  constructor(private readonly parts: CodesParts) {}

  /** A code that lives for `limits.codeLifeMs` from now. */
  mint(purpose: CodePurpose): string {
    const { core, publicUrl } = this.parts;
    return makeCode(core.keys.clusterKey, {
      purpose,
      tracker: BaseUrl.parse(publicUrl),
      clusterId: core.keys.clusterId,
      expiresMs: core.now() + limits.codeLifeMs,
    });
  }

  /** Writes both files when they are older than half a code's life. Throws what the disk throws. */
  async refresh(): Promise<void> {
    const { core, disk, directory, also } = this.parts;
    const nowMs = core.now();
    if (this.#writtenMs !== undefined && nowMs - this.#writtenMs < limits.codeLifeMs / 2) return;
    await disk.makeDirectory(directory);
    for (const purpose of ["join", "login"] as const) {
      const bytes = new TextEncoder().encode(`${this.mint(purpose)}\n`);
      const attributes = { mode: secretFileMode, modifiedMs: nowMs };
      const further = also[purpose];
      for (const path of [`${directory}/${purpose}`, ...(further === undefined ? [] : [further])]) {
        await writeDurably(disk, path, bytes, attributes);
      }
    }
    this.#writtenMs = nowMs;
  }
}

/** A token for whoever holds a login code. Throws `code-invalid`. */
export function login(
  core: CodeNeeds,
  code: string,
): { token: string; clusterId: string; user: string } {
  const { clusterKey, clusterId } = core.keys;
  const nowMs = core.now();
  checkCode(clusterKey, code, "login", nowMs);
  const token = makePersonToken(clusterKey, { user: firstUser, role: "admin", issuedMs: nowMs });
  return { token, clusterId, user: firstUser };
}
