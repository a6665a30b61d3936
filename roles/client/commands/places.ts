/** `cd`, `pwd`, `lcd`, `lpwd`: where the person stands, in the cluster and on this machine. */
import { Fault } from "../../../protocol/mod.ts";
import type { Command } from "../command.ts";
import { find } from "../cluster/targets.ts";
import { visible } from "../terminal/wording.ts";

export const cd: Command = {
  spec: {
    name: "cd",
    changes: "nothing",
    group: "Files",
    summary: "Go to another directory in the cluster.",
    arguments: [{ name: "path", summary: "where to (/)", optional: true }],
  },
  completes: ["remote"],
  goesElsewhere: true,
  run: async (context) => {
    const found = await find(context, context.run.word("path") ?? "/");
    if (found.stat.kind !== "directory") {
      throw new Fault("not-a-directory", `${visible(found.path)} is a ${found.stat.kind}`);
    }
    context.place.remote = found.path;
  },
};

export const pwd: Command = {
  spec: {
    name: "pwd",
    changes: "nothing",
    group: "Files",
    summary: "Print the current directory in the cluster.",
  },
  completes: ["nothing"],
  run: async (context) => {
    const path = context.place.remote;
    await (context.json ? context.printJson({ path }) : context.print(visible(path)));
  },
};

export const lcd: Command = {
  spec: {
    name: "lcd",
    changes: "nothing",
    group: "This machine",
    summary: "Go to another directory on this machine.",
    arguments: [{ name: "path", summary: "where to" }],
  },
  completes: ["local"],
  goesElsewhere: true,
  run: async (context) => {
    const path = context.localPath(context.run.word("path") ?? ".");
    const real = await context.disk.realPath(path);
    const stat = await context.disk.stat(real);
    if (stat?.kind !== "directory") {
      throw new Fault("not-a-directory", `${visible(path)} is no directory`);
    }
    context.place.local = path;
  },
};

export const lpwd: Command = {
  spec: {
    name: "lpwd",
    changes: "nothing",
    group: "This machine",
    summary: "Print the current directory on this machine.",
  },
  completes: ["nothing"],
  run: async (context) => {
    const path = context.place.local;
    await (context.json ? context.printJson({ path }) : context.print(visible(path)));
  },
};
