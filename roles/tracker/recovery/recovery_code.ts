/** The recovery code as a person gives it at a start: a file, a pipe, or typed at a terminal. */
import { Fault, RecoveryCode } from "../../../protocol/mod.ts";
import type { Disk } from "../../kit/disk.ts";
import { secretIn, type SecretInput } from "../../kit/secret_input.ts";

/**
 * Undefined where none was given. What was given is in no message, however wrong it is.
 * @param path of a file, `-` for standard input; absent to have it asked for
 * @throws Fault `code-invalid`
 */
export async function recoveryCodeIn(
  path: string | undefined,
  disk: Disk,
  input: SecretInput,
): Promise<RecoveryCode | undefined> {
  if (path === undefined && !input.isTerminal) return undefined;
  const text = path === undefined
    ? await input.ask("recovery code of the cluster: ")
    : await secretIn(disk, path, input);
  if (text === undefined) return undefined;
  const code = RecoveryCode.safeParse(text);
  if (code.success) return code.data;
  throw new Fault("code-invalid", "this is not a recovery code", {
    next: "give the whole line, from offshore-recovery- to its end",
  });
}
