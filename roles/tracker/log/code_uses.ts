/**
 * Which codes were used, by whom and when: one setting that operations of the log write, so that a
 * code that serves once does so over restarts and rebuilds too. A code that has expired is left
 * out: it serves nobody any more. Nothing is decided here.
 */
import * as z from "zod";
import { CodeId } from "../../../protocol/mod.ts";

/** One use of a code. */
export const CodeUse = z.strictObject({
  codeId: CodeId,
  /** Of the code. */
  expiresMs: z.int(),
  /** Whoever asks again under the same name is the same. */
  who: z.string().min(1).max(100),
  atMs: z.int(),
});
export type CodeUse = z.output<typeof CodeUse>;

export const codesUsedSetting = "codes-used";

const CodesUsed = z.array(CodeUse);

/** @param kept what the setting says */
export function usesOf(kept: string | undefined, codeId: CodeId): CodeUse[] {
  return all(kept).filter((use) => use.codeId === codeId);
}

/** The setting after one more use. */
export function withUse(kept: string | undefined, use: CodeUse): string {
  return JSON.stringify([...all(kept).filter(({ expiresMs }) => expiresMs >= use.atMs), use]);
}

function all(kept: string | undefined): CodeUse[] {
  return kept === undefined || kept === "" ? [] : CodesUsed.parse(JSON.parse(kept));
}
