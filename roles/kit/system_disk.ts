/** The machine's own file system behind the `Disk` interface. */
import { statfs } from "node:fs/promises";
import { Fault, type FaultCode, plainText } from "../../protocol/mod.ts";
import type { Disk, DiskEntryKind, DiskFile, DiskStat } from "./disk.ts";
import { foreignName, holdsReplacement, textOfBytes } from "./foreign_names.ts";
import { openPlainFile } from "./plain_file.ts";
import { kindThroughShell, namesThroughShell, readThroughShell } from "./shell_door.ts";

/** The fault for an error of the operating system on `path`. */
export function diskFault(error: unknown, path: string): Fault {
  if (error instanceof Fault) return error;
  if (error instanceof Deno.errors.NotCapable) {
    const message = `${path}: the executable may not touch it: /proc, /sys and most of /dev`;
    return new Fault("disk-unusable", message, {
      cause: error,
      next: `let the shell open it: put - REMOTE <${path}, get REMOTE - >${path}`,
    });
  }
  const text = error instanceof Error ? error.message : String(error);
  const system = error instanceof Error && "code" in error ? String(error.code) : "";
  return new Fault(diskFaultCode(error, system, text), `${path}: ${plainText(text)}`, {
    cause: error,
  });
}

function diskFaultCode(error: unknown, system: string, text: string): FaultCode {
  // A link whose target is no UTF-8.
  if (error instanceof Deno.errors.InvalidData) return "invalid-name";
  if (error instanceof Deno.errors.NotFound || system === "ENOENT") return "local-not-found";
  if (error instanceof Deno.errors.AlreadyExists || system === "EEXIST") return "local-exists";
  if (error instanceof Deno.errors.IsADirectory || system === "EISDIR") return "is-a-directory";
  if (error instanceof Deno.errors.NotADirectory || system === "ENOTDIR") return "not-a-directory";
  if (system === "ENOTEMPTY" || /os error 39/.test(text)) return "directory-not-empty";
  if (system === "ENOSPC" || system === "EDQUOT" || /os error (28|122)/.test(text)) {
    return "disk-full";
  }
  if (
    error instanceof Deno.errors.PermissionDenied ||
    ["EACCES", "EPERM", "EROFS"].includes(system) ||
    /os error 30/.test(text)
  ) return "disk-unusable";
  return "disk-failed";
}

async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  if (!path.isWellFormed()) {
    throw new Fault("invalid-name", `${path}: the name is not valid UTF-8`, { next: "rename it" });
  }
  try {
    return await work();
  } catch (error) {
    throw diskFault(error, path);
  }
}

function kindOf(entry: { isFile: boolean; isDirectory: boolean; isSymlink: boolean }) {
  const kind: DiskEntryKind = entry.isSymlink
    ? "link"
    : entry.isDirectory
    ? "directory"
    : entry.isFile
    ? "file"
    : "other";
  return kind;
}

function statOf(info: Deno.FileInfo): DiskStat {
  return {
    kind: kindOf(info),
    sizeBytes: info.size,
    modifiedMs: info.mtime?.getTime() ?? 0,
    mode: (info.mode ?? 0o644) & 0o7777,
    inode: info.ino ?? 0,
    device: info.dev,
    changedMs: info.ctime?.getTime() ?? 0,
    links: info.nlink ?? 1,
    owner: info.uid ?? 0,
  };
}

/** Deno seeks and writes in two steps, so calls on one file queue up behind each other. */
class SystemFile implements DiskFile {
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly file: Deno.FsFile, private readonly path: string) {}

  #queued<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(() => guarded(this.path, work));
    this.#last = result.catch(() => {});
    return result;
  }

  read(buffer: Uint8Array<ArrayBuffer>, offset: number): Promise<number> {
    return this.#queued(async () => {
      await this.file.seek(offset, Deno.SeekMode.Start);
      let filled = 0;
      while (filled < buffer.length) {
        const count = await this.file.read(buffer.subarray(filled));
        if (count === null) break;
        filled += count;
      }
      return filled;
    });
  }

  write(bytes: Uint8Array<ArrayBuffer>, offset: number): Promise<void> {
    return this.#queued(async () => {
      await this.file.seek(offset, Deno.SeekMode.Start);
      let written = 0;
      while (written < bytes.length) written += await this.file.write(bytes.subarray(written));
    });
  }

  sizeBytes(): Promise<number> {
    return this.#queued(async () => (await this.file.stat()).size);
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#queued(() => this.file.truncate(sizeBytes));
  }

  sync(): Promise<void> {
    return this.#queued(() => this.file.sync());
  }

  stat(): Promise<DiskStat> {
    return this.#queued(async () => statOf(await this.file.stat()));
  }

  tryLock(): Promise<boolean> {
    return this.#queued(() => this.file.tryLock(true));
  }

  close(): void {
    this.file.close();
  }
}

export function systemDisk(): Disk {
  return {
    open: (path, how, mode) =>
      guarded(path, async () => {
        if (how === "plain") return await openPlainFile(path);
        const options: Deno.OpenOptions = how === "read"
          ? { read: true }
          : { read: true, write: true, createNew: how === "create", mode: mode ?? 0o666 };
        return new SystemFile(await Deno.open(path, options), path);
      }),
    stream: (path, start, end) =>
      guarded(path, async () => {
        const file = await openOrUndefined(path);
        if (file === undefined) return readThroughShell(path).pipeThrough(firstBytes(end - start));
        try {
          const whole = start === 0 && end >= (await file.stat()).size;
          if (whole) return file.readable;
          await file.seek(start, Deno.SeekMode.Start);
          return file.readable.pipeThrough(firstBytes(end - start));
        } catch (error) {
          file.close();
          throw error;
        }
      }),
    rename: (from, to) => guarded(from, () => guarded(to, () => Deno.rename(from, to))),
    renameIfFree: (from, to) => guarded(from, () => guarded(to, () => renameIfFree(from, to))),
    remove: (path) => guarded(path, () => Deno.remove(path)),
    makeDirectory: (path) => guarded(path, () => Deno.mkdir(path, { recursive: true })),
    makeNewDirectory: (path, mode) => guarded(path, () => Deno.mkdir(path, { mode })),
    list: (path) => guarded(path, () => namesIn(path)),
    stat: (path) => guarded(path, () => statIfThere(path)),
    realPath: (path) => guarded(path, () => allowed(() => Deno.realPath(path), () => path)),
    readLink: (path) => guarded(path, () => Deno.readLink(path)),
    makeLink: (path, target) =>
      guarded(path, () => guarded(target, () => Deno.symlink(target, path))),
    setAttributes: (path, { mode, modifiedMs }) =>
      guarded(path, async () => {
        await Deno.chmod(path, mode);
        if (modifiedMs === undefined) return;
        await Deno.utime(path, new Date(modifiedMs), new Date(modifiedMs));
      }),
    syncDirectory: (path) =>
      guarded(path, async () => {
        using directory = await Deno.open(path, { read: true });
        await directory.sync();
      }),
    space: (path) =>
      guarded(path, async () => {
        const info = await statfs(path);
        return { totalBytes: info.blocks * info.bsize, freeBytes: info.bavail * info.bsize };
      }),
  };
}

/** Where only a program with every right may look the runtime asks for that; else what it does. */
async function allowed<T>(work: () => Promise<T>, otherwise: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    return await otherwise();
  }
}

function openOrUndefined(path: string): Promise<Deno.FsFile | undefined> {
  return allowed<Deno.FsFile | undefined>(
    () => Deno.open(path, { read: true }),
    async () => await kindThroughShell(path) === "file" ? undefined : Deno.open(path),
  );
}

/** Files there say no size, and that they were changed now. */
async function statThroughShell(path: string): Promise<DiskStat | undefined> {
  const kind = await kindThroughShell(path);
  if (kind === undefined) return undefined;
  const nowMs = Date.now();
  const unknown = { sizeBytes: 0, inode: 0, device: 0, links: 1, owner: 0 };
  return { kind, mode: 0o444, modifiedMs: nowMs, changedMs: nowMs, ...unknown };
}

async function statIfThere(path: string): Promise<DiskStat | undefined> {
  try {
    return await allowed<DiskStat | undefined>(
      async () => statOf(await Deno.lstat(path)),
      () => statThroughShell(path),
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}

/**
 * Of names that came out alike, one at most is found by what came out: the one that really holds
 * that character. The others are foreign.
 */
async function namesIn(path: string): Promise<{ name: string; kind: DiskEntryKind }[]> {
  const found = await Array.fromAsync(Deno.readDir(path));
  const entries = found.map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
  const real = new Map<string, DiskEntryKind | undefined>();
  for (const { name } of entries) {
    if (!holdsReplacement(name) || real.has(name)) continue;
    real.set(name, (await statIfThere(`${path}/${name}`))?.kind);
  }
  if (real.size === 0) return entries;
  const foreign = await foreignIn(path);
  return entries.map(({ name, kind }) => {
    if (!real.has(name)) return { name, kind };
    if (real.get(name) !== kind) {
      return { name: foreign.get(name)?.pop() ?? foreignName(name), kind };
    }
    real.set(name, undefined);
    return { name, kind };
  });
}

/** Names that are no UTF-8, by what the runtime makes of them; none where no shell tells. */
async function foreignIn(path: string): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const bytes of await namesThroughShell(path).catch(() => [])) {
    const text = textOfBytes(bytes);
    if (text.isWellFormed()) continue;
    const decoded = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    found.set(decoded, [...found.get(decoded) ?? [], text]);
  }
  return found;
}

/** By a second name, as only that is refused by the system where the name is taken. */
async function renameIfFree(from: string, to: string): Promise<void> {
  try {
    await Deno.link(from, to);
  } catch (error) {
    const { code } = diskFault(error, to);
    if (code !== "disk-failed" && code !== "disk-unusable") throw error;
    // A file system without second names: looking first is the best there is.
    if (await statIfThere(to) !== undefined) throw new Fault("local-exists", to);
    return await Deno.rename(from, to);
  }
  await Deno.remove(from);
}

/** Lets `count` bytes through, then ends the stream, which closes the file behind it. */
function firstBytes(count: number): TransformStream<
  Uint8Array<ArrayBuffer>,
  Uint8Array<ArrayBuffer>
> {
  let left = count;
  return new TransformStream({
    transform(part, controller) {
      const taken = part.subarray(0, left);
      left -= taken.length;
      if (taken.length > 0) controller.enqueue(taken);
      if (left === 0) controller.terminate();
    },
  });
}
