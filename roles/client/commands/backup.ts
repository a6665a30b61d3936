/**
 * `backup`: the whole log of the cluster in one file, from which a tracker with an empty disk
 * starts again (`--restore`). The file is written beside its name and gets it when it is whole,
 * every record was checked to follow from the one before, and all of it is synced.
 */
import {
  type BackupHead,
  Fault,
  followsIn,
  logLine,
  logOrigin,
  positionOf,
} from "../../../protocol/mod.ts";
import type { Command, CommandContext } from "../command.ts";
import { localParentOf } from "../local_paths.ts";
import { count, visible } from "../wording.ts";

export const backup: Command = {
  spec: {
    name: "backup",
    group: "Cluster",
    summary: "Write the catalog into a local file: all names, versions and policies, no contents.",
    details: `On an empty disk: offshore --role tracker --restore FILE --recovery-code CODE
The contents stay on the seeders. Seeders keep the catalog too: see docs/RECOVERY.md.`,
    arguments: [{ name: "file", summary: "a local file that is not there yet" }],
    examples: ["backup /mnt/usb/offshore.backup"],
  },
  completes: ["local"],
  run: async (context) => {
    const path = context.localPath(context.run.word("file") ?? "");
    if (await context.disk.stat(path) !== undefined) {
      throw new Fault("local-exists", `${visible(path)} is there already`);
    }
    const temporary = `${path}.part`;
    if (await context.disk.stat(temporary) !== undefined) await context.disk.remove(temporary);
    let operations: number;
    try {
      operations = await writeBackup(context, temporary);
    } catch (error) {
      await context.disk.remove(temporary).catch(() => {});
      throw error;
    }
    await context.disk.rename(temporary, path);
    await context.disk.syncDirectory(localParentOf(path));
    if (context.json) return await context.printJson({ path, operations });
    await context.print(`${visible(path)}: ${count(operations, "operation", "operations")}`);
    context.note("it is of use only with the recovery code of the cluster");
  },
};

/** How many operations it holds. */
async function writeBackup(context: CommandContext, path: string): Promise<number> {
  const { session } = await context.access();
  const ask = (after: number) => session.tracker.exportLog({ after }, { signal: context.signal });
  let page = await ask(0);
  const { card, epoch, head: upTo } = page;
  const { clusterId } = card.sealedKey;
  const head: BackupHead = { format: "offshore backup 1", clusterId, epoch, card, upTo };
  const encoder = new TextEncoder();
  const file = await context.disk.open(path, "create");
  try {
    await context.disk.setAttributes(path, { mode: 0o600, modifiedMs: context.clock.now() });
    let sizeBytes = 0;
    const write = async (text: string) => {
      const bytes = encoder.encode(text);
      await file.write(bytes, sizeBytes);
      sizeBytes += bytes.length;
    };
    await write(logLine(head));
    let position = logOrigin;
    while (position.sequence < upTo.sequence) {
      context.signal.throwIfAborted();
      for (const record of page.records) {
        if (position.sequence === upTo.sequence) break;
        if (!followsIn(position, record)) throw broken(record.sequence);
        await write(logLine(record));
        position = positionOf(record);
      }
      if (position.sequence === upTo.sequence) break;
      if (page.records.length === 0) throw broken(position.sequence + 1);
      page = await ask(position.sequence);
    }
    if (position.checksum !== upTo.checksum) throw broken(upTo.sequence);
    await file.sync();
    return position.sequence;
  } finally {
    file.close();
  }
}

function broken(sequence: number): Fault {
  return new Fault("config-corrupt", `operation ${sequence} of the tracker's log is damaged`, {
    next: "look into the tracker's log; its seeders keep the operations too",
  });
}
