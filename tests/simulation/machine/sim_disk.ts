/**
 * A file system in memory with a crash model. A name made, moved or removed is safe after
 * `syncDirectory` of the directory it stands in, contents after `sync` of the file; whatever was
 * not synced a `crash` keeps, loses or tears as the dice fall. A new directory's own name has to be
 * synced in its parent: POSIX promises no more, though most file systems are kinder.
 *
 * Beside crashes it can run full, rot, fail and be slow. It behaves like Linux in everything the
 * `Disk` interface can ask; `sim_disk_test.ts` compares the two. Permissions are kept but not
 * enforced, and modes and times survive a crash as last set.
 */
import { Fault } from "../../../protocol/mod.ts";
import type { Clock } from "../../../roles/kit/clock.ts";
import {
  type Disk,
  type DiskEntryKind,
  type DiskFile,
  type DiskStat,
  streamOf,
} from "../../../roles/kit/disk.ts";
import { type Random, randomInt } from "../../../roles/kit/random.ts";
import { type DiskCall, SimFile } from "./sim_file.ts";
import {
  bytesIn,
  durableCopy,
  filesIn,
  find,
  highestNumber,
  holds,
  type Inode,
  type NameEffect,
  newInode,
  put,
  segmentsOf,
  statOf,
  walk,
} from "./sim_inode.ts";

export interface SimDiskFaults {
  /** Shares of calls that fail with `disk-failed`, 0 to 1. */
  readErrors: number;
  writeErrors: number;
  syncErrors: number;
  /** Longest time one call takes; 0 takes none. Needs a clock. */
  slowMs: number;
}

/** Of every program here. */
const umask = 0o022;

export interface SimDiskParts {
  readonly random: Random;
  readonly clock?: Clock;
  readonly capacityBytes?: number;
}

export class SimDisk implements Disk {
  readonly faults: SimDiskFaults = { readErrors: 0, writeErrors: 0, syncErrors: 0, slowMs: 0 };
  capacityBytes: number;
  readonly #random: Random;
  readonly #clock: Clock | undefined;
  readonly #root: Inode;
  /** Changes of names that no sync of a directory has made safe yet, in the order made. */
  #journal: (readonly NameEffect[])[] = [];
  #crashes = 0;
  /** Files that some handle has the lock of. */
  readonly #locks = new Set<number>();
  #inodes = 0;

  constructor(parts: SimDiskParts) {
    this.#random = parts.random;
    this.#clock = parts.clock;
    this.capacityBytes = parts.capacityBytes ?? 2 ** 33;
    this.#root = this.#fresh("directory");
  }

  /** The power goes: open files are dead, and what was not synced is at the mercy of the dice. */
  crash(): void {
    this.#crashes++;
    this.#locks.clear();
    const keep = [0, 0.5, 1][randomInt(this.#random, 0, 2)] ?? 0;
    for (const change of this.#journal) {
      if (this.#random.unit() < keep) this.#makeDurable(change);
    }
    this.#journal = [];
    const seen = new Set<Inode>();
    const restore = (inode: Inode) => {
      if (seen.has(inode)) return;
      seen.add(inode);
      if (inode.kind === "file") return inode.content.crash(this.#random);
      inode.names.clear();
      for (const [name, child] of inode.durableNames) {
        inode.names.set(name, child);
        restore(child);
      }
    };
    restore(this.#root);
  }

  /** The disk is replaced by an empty one, or by one with what `image` holds. */
  wipe(image: Inode = this.#fresh("directory")): void {
    this.#crashes++;
    this.#journal = [];
    this.#inodes = Math.max(this.#inodes, highestNumber(image));
    const { names } = durableCopy(image);
    for (const side of [this.#root.names, this.#root.durableNames]) {
      side.clear();
      for (const [name, inode] of names) side.set(name, inode);
    }
  }

  /** All that is safe on it now, for `wipe` of this disk or another. */
  image(): Inode {
    return durableCopy(this.#root);
  }

  /** Flips one bit of a file, chosen by the dice where none is given. */
  rot(path: string, bit?: number): void {
    const { content } = this.#existing(path), last = content.sizeBytes * 8 - 1;
    if (last > 0) content.rot(bit ?? randomInt(this.#random, 0, last));
  }

  /** Its sectors are bad from now on, or good again: see `SimContent.spoiled`. */
  spoil(path: string, spoiled = true): void {
    this.#existing(path).content.spoiled = spoiled;
  }

  /** Paths and sizes of all files, in ascending order of path. */
  files(under = "/"): { path: string; sizeBytes: number }[] {
    const start = find(this.#root, under, true);
    const found = start === undefined ? [] : filesIn(under, start);
    return found.sort((a, b) => a.path < b.path ? -1 : 1);
  }

  /** What a file holds now, read past all faults and delays. */
  peek(path: string): Uint8Array<ArrayBuffer> | undefined {
    const inode = find(this.#root, path, true);
    if (inode?.kind !== "file") return undefined;
    const bytes = new Uint8Array(inode.content.sizeBytes);
    inode.content.read(bytes, 0);
    return bytes;
  }

  /** Puts a file there, durable, past all faults and delays; its directory must be there. */
  plant(path: string, bytes: Uint8Array<ArrayBuffer>): void {
    const { directory, name } = this.#parent(path);
    const inode = this.#fresh("file");
    inode.content.write(bytes, 0);
    inode.content.sync();
    this.#makeDurable([{ directory, name, inode }]);
    directory.names.set(name, inode);
    directory.changedMs = this.#nowMs();
  }

  /** Makes a directory with its parents, durable, past all faults and delays. */
  plantDirectory(path: string): void {
    this.#makeAll(path);
    for (const change of this.#journal.splice(0)) this.#makeDurable(change);
  }

  /** Takes a file away for good, if it is there, past all faults and delays. */
  uproot(path: string): void {
    const { directory, name } = this.#parent(path);
    this.#makeDurable([{ directory, name, inode: undefined }]);
    directory.names.delete(name);
    directory.changedMs = this.#nowMs();
  }

  get usedBytes(): number {
    return bytesIn(this.#root);
  }

  async open(
    path: string,
    how: "read" | "update" | "create" | "plain",
    mode = 0o644,
  ): Promise<DiskFile> {
    await this.#turn("readErrors", path);
    if (how === "plain") {
      const { inode } = walk(this.#root, path, false);
      if (inode.kind !== "file") throw new Fault("disk-failed", `${path} is no regular file`);
      return this.#handle(path, inode, false);
    }
    if (how !== "create") {
      const inode = this.#existing(path);
      if (inode.kind === "directory") throw new Fault("is-a-directory", path);
      return this.#handle(path, inode, how === "update");
    }
    const inode = this.#fresh("file");
    inode.mode = mode & ~umask;
    this.#add(path, inode);
    return this.#handle(path, inode, true);
  }

  async stream(
    path: string,
    start: number,
    end: number,
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    return streamOf(await this.open(path, "read"), start, end);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#turn("writeErrors", from);
    const source = this.#parent(from), target = this.#parent(to);
    const inode = source.directory.names.get(source.name);
    if (inode === undefined) throw new Fault("local-not-found", from);
    const there = target.directory.names.get(target.name);
    if (there === inode) return;
    if (holds(inode, target.directory)) throw new Fault("disk-failed", `${to} lies in ${from}`);
    if (there !== undefined && holds(there, source.directory)) {
      throw new Fault("directory-not-empty", to);
    }
    if (inode.kind === "directory") {
      if (there !== undefined && there.kind !== "directory") throw new Fault("not-a-directory", to);
      if (there !== undefined && there.names.size > 0) throw new Fault("directory-not-empty", to);
    } else if (there?.kind === "directory") throw new Fault("is-a-directory", to);
    this.#change([
      { directory: source.directory, name: source.name, inode: undefined },
      { directory: target.directory, name: target.name, inode },
    ]);
  }

  async renameIfFree(from: string, to: string): Promise<void> {
    await this.#turn("writeErrors", from);
    const source = this.#parent(from), target = this.#parent(to);
    const inode = source.directory.names.get(source.name);
    if (inode === undefined) throw new Fault("local-not-found", from);
    if (target.directory.names.has(target.name)) throw new Fault("local-exists", to);
    this.#change([{ directory: target.directory, name: target.name, inode }]);
    this.#change([{ directory: source.directory, name: source.name, inode: undefined }]);
  }

  async remove(path: string): Promise<void> {
    await this.#turn("writeErrors", path);
    const { directory, name } = this.#parent(path);
    const inode = directory.names.get(name);
    if (inode === undefined) throw new Fault("local-not-found", path);
    if (inode.names.size > 0) throw new Fault("directory-not-empty", path);
    this.#change([{ directory, name, inode: undefined }]);
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#turn("writeErrors", path);
    this.#makeAll(path);
  }

  async makeNewDirectory(path: string, mode: number): Promise<void> {
    await this.#turn("writeErrors", path);
    const inode = this.#fresh("directory");
    inode.mode = mode & ~umask;
    this.#add(path, inode);
  }

  async list(path: string): Promise<{ name: string; kind: DiskEntryKind }[]> {
    await this.#turn("readErrors", path);
    const { names } = this.#directory(path);
    return [...names].map(([name, inode]) => ({ name, kind: inode.kind }));
  }

  async stat(path: string): Promise<DiskStat | undefined> {
    await this.#turn("readErrors", path);
    const inode = find(this.#root, path, false);
    return inode === undefined ? undefined : statOf(inode);
  }

  async realPath(path: string): Promise<string> {
    await this.#turn("readErrors", path);
    return walk(this.#root, path, true).path;
  }

  async readLink(path: string): Promise<string> {
    await this.#turn("readErrors", path);
    const { inode } = walk(this.#root, path, false);
    if (inode.kind !== "link") throw new Fault("disk-failed", `${path} is no link`);
    return inode.target;
  }

  async makeLink(path: string, target: string): Promise<void> {
    await this.#turn("writeErrors", path);
    this.#add(path, this.#fresh("link", target));
  }

  async setAttributes(
    path: string,
    attributes: { mode: number; modifiedMs?: number },
  ): Promise<void> {
    await this.#turn("writeErrors", path);
    const inode = this.#existing(path);
    inode.mode = attributes.mode;
    inode.changedMs = this.#nowMs();
    inode.modifiedMs = attributes.modifiedMs ?? inode.modifiedMs;
  }

  async syncDirectory(path: string): Promise<void> {
    const directory = this.#directory(path);
    await this.#turn("syncErrors", path);
    this.#journal = this.#journal.filter((change) => {
      if (!change.some((effect) => effect.directory === directory)) return true;
      this.#makeDurable(change);
      return false;
    });
  }

  async space(path: string): Promise<{ totalBytes: number; freeBytes: number }> {
    await this.#turn("readErrors", path);
    this.#existing(path);
    const freeBytes = Math.max(0, this.capacityBytes - this.usedBytes);
    return { totalBytes: this.capacityBytes, freeBytes };
  }

  #fresh(kind: Inode["kind"], target = ""): Inode {
    return newInode(++this.#inodes, kind, this.#nowMs(), target);
  }

  #nowMs(): number {
    return this.#clock?.now() ?? 0;
  }

  /** Every call takes its time, and may fail. */
  async #turn(kind: DiskCall, path: string): Promise<void> {
    const crashes = this.#crashes;
    const slowMs = this.faults.slowMs;
    if (slowMs > 0 && this.#clock !== undefined) {
      await this.#clock.sleep(Math.ceil(this.#random.unit() * slowMs));
    } else await undefined;
    if (crashes !== this.#crashes) throw new Fault("disk-failed", `${path}: the power went`);
    if (this.faults[kind] > 0 && this.#random.unit() < this.faults[kind]) {
      throw new Fault("disk-failed", `${path}: input/output error`);
    }
  }

  #add(path: string, inode: Inode): void {
    const { directory, name } = this.#parent(path);
    if (directory.names.has(name)) throw new Fault("local-exists", path);
    this.#change([{ directory, name, inode }]);
  }

  #change(effects: readonly NameEffect[]): void {
    for (const { directory, name, inode } of effects) {
      put(directory.names, name, inode);
      directory.changedMs = this.#nowMs();
    }
    this.#journal.push(effects);
  }

  #makeDurable(effects: readonly NameEffect[]): void {
    for (const { directory, name, inode } of effects) put(directory.durableNames, name, inode);
  }

  #handle(path: string, inode: Inode, writable: boolean): DiskFile {
    return new SimFile(path, inode.content, writable, {
      turn: (kind) => this.#turn(kind, path),
      crashes: () => this.#crashes,
      freeBytes: () => this.capacityBytes - this.usedBytes,
      touched: () => inode.modifiedMs = this.#nowMs(),
      stat: () => statOf(inode),
      locks: this.#locks,
      inode: inode.number,
    });
  }

  #existing(path: string): Inode {
    return walk(this.#root, path, true).inode;
  }

  /** As Rust's `create_dir_all`, which Deno calls. */
  #makeAll(path: string): void {
    try {
      this.#add(path, this.#fresh("directory"));
    } catch (error) {
      if (error instanceof Fault && error.code === "local-not-found") {
        this.#makeAll(`/${segmentsOf(path).slice(0, -1).join("/")}`);
        return this.#makeAll(path);
      }
      if (!this.#isDirectory(path)) throw error;
    }
  }

  #isDirectory(path: string): boolean {
    try {
      return this.#directory(path) !== undefined;
    } catch {
      return false;
    }
  }

  #directory(path: string): Inode {
    const inode = this.#existing(path);
    if (inode.kind !== "directory") throw new Fault("not-a-directory", path);
    return inode;
  }

  #parent(path: string): { directory: Inode; name: string } {
    const segments = segmentsOf(path);
    const name = segments.pop() ?? "";
    return { directory: this.#directory(`/${segments.join("/")}`), name };
  }
}
