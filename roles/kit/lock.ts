/** One role a disk: two seeders on one folder would each undo what the other does. */
import { Fault } from "../../protocol/mod.ts";
import { diskFault } from "./system_disk.ts";

/**
 * Locks `directory` until the process ends or `release` is called.
 * @throws Fault `disk-locked` when another process has it, `disk-unusable` when it is read-only
 */
export async function lockDirectory(directory: string): Promise<{ release(): void }> {
  const path = `${directory}/lock`;
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { read: true, write: true, create: true });
  } catch (error) {
    throw diskFault(error, path);
  }
  if (!await file.tryLock(true)) {
    const holder = new TextDecoder().decode(await readSome(file)).trim();
    file.close();
    throw new Fault(
      "disk-locked",
      `${directory} is in use by ${/^\d+$/.test(holder) ? `process ${holder}` : "another process"}`,
    );
  }
  await file.truncate(0);
  await file.write(new TextEncoder().encode(`${Deno.pid}\n`));
  return { release: () => file.close() };
}

async function readSome(file: Deno.FsFile): Promise<Uint8Array> {
  const buffer = new Uint8Array(32);
  return buffer.subarray(0, await file.read(buffer) ?? 0);
}
