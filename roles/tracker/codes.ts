/**
 * Join and login codes: made on request, and one of each kept fresh in a file so that a local
 * cluster or a compose file can pick it up without a person. Such a code serves once, and when it
 * was used another takes its place. Whoever can read the files can join, so only the tracker's user
 * can. How often a code was used is in the log (`log/code_uses.ts`).
 */
import type * as z from "zod";
import {
  aboutLogin,
  BaseUrl,
  checkCode,
  type CodeClaims,
  type CodeId,
  type CodePurpose,
  codeSecretOf,
  type CodeText,
  Fault,
  limits,
  type LoginReply,
  type LoginRequest,
  makeCode,
  makePersonToken,
  readCode,
  sealUnderCode,
} from "../../protocol/mod.ts";
import { type Disk, writeDurably } from "../kit/disk.ts";
import { randomHex } from "../kit/random.ts";
import type { CatalogTransaction } from "./catalog/catalog.ts";
import { secretFileMode } from "./cluster_keys.ts";
import { type Ground, type StampNeeds, stampOf } from "./ground.ts";
import { codesUsedSetting, type CodeUse, usesOf } from "./log/code_uses.ts";
import { commitOperation } from "./log/operations.ts";

export type CodesNeeds = StampNeeds & Pick<Ground, "catalog" | "keys" | "random" | "log">;

export interface CodesParts {
  readonly core: CodesNeeds;
  readonly disk: Disk;
  /** Holds the files `join` and `login`. */
  readonly directory: string;
  /** Further files to keep fresh, for those who may read one code and not the other. */
  readonly also: Partial<Record<CodePurpose, string>>;
  readonly publicUrl: string;
}

export interface CodeWishes {
  readonly uses?: number | undefined;
  readonly lifeMs?: number | undefined;
  readonly pending?: true | undefined;
}

/** The user of every login code until people have names of their own. */
const firstUser = "admin";

export class Codes {
  /** The code in the file of each purpose. */
  readonly #kept = new Map<CodePurpose, { codeId: CodeId; writtenMs: number }>();

  #writing: Promise<void> = Promise.resolve();

  constructor(private readonly parts: CodesParts) {}

  /** A code that serves once and for `limits.codeLifeMs`, where nothing else is wished. */
  mint(purpose: CodePurpose, { uses, lifeMs, pending }: CodeWishes = {}): string {
    const { core, publicUrl } = this.parts;
    return makeCode(core.keys.clusterKey, {
      purpose,
      tracker: BaseUrl.parse(publicUrl),
      clusterId: core.keys.clusterId,
      expiresMs: core.now() + (lifeMs ?? limits.codeLifeMs),
      uses: uses ?? 1,
      ...(pending === true && purpose === "join" ? { pending } : {}),
      salt: randomHex(core.random, 16),
    });
  }

  /**
   * Writes each file whose code was used or is half over, one write after the other: two at once
   * would take each other's unfinished file into place. Throws what the disk throws.
   */
  refresh(): Promise<void> {
    const done = this.#writing.catch(() => {}).then(() => this.#write());
    this.#writing = done;
    return done;
  }

  async #write(): Promise<void> {
    const { core, disk, directory, also } = this.parts;
    const nowMs = core.now();
    for (const purpose of ["join", "login"] as const) {
      const { writtenMs = -Infinity } = this.#kept.get(purpose) ?? {};
      if (nowMs - writtenMs < limits.codeLifeMs / 2) continue;
      await disk.makeDirectory(directory);
      const code = this.mint(purpose);
      const bytes = new TextEncoder().encode(`${code}\n`);
      const attributes = { mode: secretFileMode, modifiedMs: nowMs };
      const further = also[purpose];
      for (const path of [`${directory}/${purpose}`, ...(further === undefined ? [] : [further])]) {
        await writeDurably(disk, path, bytes, attributes);
      }
      this.#kept.set(purpose, { codeId: readCode(code).codeId, writtenMs: nowMs });
    }
  }

  /** Another code takes the place of one that was used. A disk that refuses is tried again. */
  async used(codeId: CodeId): Promise<void> {
    for (const [purpose, kept] of this.#kept) {
      if (kept.codeId === codeId) this.#kept.delete(purpose);
    }
    try {
      await this.refresh();
    } catch (fault) {
      this.parts.core.log.error("code files not written", { fault });
    }
  }
}

/** Who shows a code, having proved that it has the secret. */
export interface ShownCode {
  readonly codeId: CodeId;
  readonly text: CodeText;
}

/**
 * What the code gives. @throws Fault `code-invalid` when it gives nothing, not here, or no more
 */
export function claimsOf(
  core: Pick<CodesNeeds, "keys" | "now">,
  shown: ShownCode,
  purpose: CodePurpose,
): CodeClaims {
  const { clusterKey, clusterId } = core.keys;
  return checkCode(clusterKey, clusterId, shown, purpose, core.now());
}

/**
 * The use that `who` made of the code before; undefined while it has made none and still may.
 * @throws Fault `code-invalid` when others have used it up
 */
export async function useBefore(
  tx: CatalogTransaction,
  codeId: CodeId,
  { uses, purpose }: CodeClaims,
  who: string,
): Promise<CodeUse | undefined> {
  const made = usesOf(await tx.setting(codesUsedSetting), codeId);
  const own = made.find((use) => use.who === who);
  if (own !== undefined || made.length < uses) return own;
  const often = uses === 1 ? "once" : `${uses} times`;
  throw new Fault("code-invalid", `this ${purpose} code serves ${often}, and was used`);
}

/**
 * A token for whoever has a login code. Asked again with the same nonce, the same token: the reply
 * may have been lost. @throws Fault `code-invalid`
 */
export async function login(
  core: CodesNeeds,
  { text, nonce }: z.output<typeof LoginRequest>,
  codeId: CodeId,
): Promise<z.output<typeof LoginReply>> {
  const { clusterKey, clusterId } = core.keys;
  const claims = claimsOf(core, { codeId, text }, "login");
  const use = await core.catalog.transaction(async (tx) => {
    const before = await useBefore(tx, codeId, claims, nonce);
    if (before !== undefined) return before;
    const use = { codeId, expiresMs: claims.expiresMs, who: nonce, atMs: core.now() };
    await commitOperation(tx, stampOf(core), { kind: "use-code", use });
    return use;
  });
  const body = { user: firstUser, role: "admin", issuedMs: use.atMs } as const;
  const token = makePersonToken(clusterKey, body);
  const secret = codeSecretOf(clusterKey, codeId);
  const sealNonce = randomHex(core.random, 24);
  const sealedToken = sealUnderCode(secret, sealNonce, aboutLogin(clusterId, nonce), token);
  return { clusterId, user: firstUser, sealedToken };
}
