/** `cat`: the bytes of files to standard output, as they are. */
import { Fault } from "../../../protocol/mod.ts";
import { type Command, type CommandContext, forEach } from "../command.ts";
import { find, type Found } from "../cluster/targets.ts";
import { visible } from "../terminal/wording.ts";

export const cat: Command = {
  spec: {
    name: "cat",
    changes: "nothing",
    group: "Files",
    summary: "Print files to standard output.",
    arguments: [{ name: "path", summary: "what to print", repeated: true }],
    examples: ["cat /notes.txt", "offshore cat /all.tar | tar x"],
  },
  completes: ["remote"],
  run: async (context) => {
    await forEach(context, context.run.words("path"), async (word) => {
      await printFile(context, await find(context, word));
    });
  },
};

/** Every byte was verified before it is printed. Throws `is-a-directory`. */
export async function printFile(context: CommandContext, found: Found): Promise<void> {
  if (found.stat.kind === "directory") {
    throw new Fault("is-a-directory", `${visible(found.path)} is a directory`, {
      next: "name a file, or list the directory with ls",
    });
  }
  const { session } = await context.access();
  const { readFile } = await import("../transfer/read.ts");
  const parts = readFile(session, found.target, undefined, { signal: context.signal });
  for await (const bytes of parts) await context.terminal.write(bytes);
}
