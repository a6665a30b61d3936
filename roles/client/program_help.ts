/** What `help` tells: about the commands, and what the program does besides being a client. */
import { Fault } from "../../protocol/mod.ts";
import { type CommandSpec, helpOf } from "../kit/command_line.ts";

/** @throws Fault `usage` where there is nothing called so */
export async function helpAbout(
  root: CommandSpec,
  path: readonly string[],
  columns: number,
): Promise<string> {
  const own = await programsOwn(path[0] ?? "");
  return own === undefined ? helpOf(root, path, columns) : helpOf(own, [], columns);
}

/** What the program does besides being a client: typed outside, and asked about here as well. */
async function programsOwn(word: string): Promise<CommandSpec | undefined> {
  switch (word) {
    case "up":
      return (await import("./cluster/local_cluster.ts")).upSpec;
    case "serve":
      return (await import("./serve.ts")).serveSpec;
    case "health":
      return (await import("../kit/health.ts")).healthSpec;
    case "tracker":
    case "seeder":
      throw new Fault("usage", `${word} is a role and no command`, {
        next: `outside of this shell: offshore --role ${word} --help`,
      });
    default:
      return undefined;
  }
}
