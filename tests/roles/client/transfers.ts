/**
 * Short forms for the transfer tests: local files, uploads and downloads with all their results.
 */
import assert from "node:assert/strict";
import type { Condition } from "../../../protocol/mod.ts";
import { downloadFiles } from "../../../roles/client/transfer/download.ts";
import type { FileResult, TransferObserver } from "../../../roles/client/transfer/transfer.ts";
import { uploadFiles, type UploadSource } from "../../../roles/client/transfer/upload.ts";
import { mib, remote, tallyObserver, type World } from "./world.ts";

export const modifiedMs = 1_600_000_000_000;

/** A local file in the world's directory, and as a source for `/NAME`. */
export async function localFile(
  world: World,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<UploadSource> {
  const localPath = `${world.directory}/${name}`;
  await Deno.writeFile(localPath, bytes);
  return {
    path: remote(`/${name}`),
    content: { kind: "file", localPath, sizeBytes: bytes.length },
    modifiedMs,
    mode: 0o640,
  };
}

export interface UploadExtras {
  readonly condition?: Condition;
  readonly signal?: AbortSignal;
}

/** Uploads in chunks of one MiB. */
export async function upload(
  world: World,
  sources: AsyncIterable<UploadSource> | Iterable<UploadSource>,
  extras: UploadExtras = {},
): Promise<{ results: FileResult[]; tally: ReturnType<typeof tallyObserver>["tally"] }> {
  const { observer, tally } = tallyObserver();
  const results = await Array.fromAsync(uploadFiles(world.session, sources, {
    condition: { kind: "create" },
    observer,
    chunkSizeBytes: mib,
    ...extras,
  }));
  return { results, tally };
}

/** Uploads that must work. */
export async function uploaded(world: World, sources: Iterable<UploadSource>) {
  const done = await upload(world, sources);
  for (const result of done.results) assert.equal(result.fault, undefined, String(result.fault));
  return done;
}

/** Downloads `/NAME` to `NAME.got` for each name. */
export async function download(
  world: World,
  names: readonly string[],
  extras: { force?: boolean; signal?: AbortSignal; onAdvance?: () => void } = {},
): Promise<{ results: FileResult[]; tally: ReturnType<typeof tallyObserver>["tally"] }> {
  const { observer, tally } = tallyObserver();
  const wanted = names.map((name) => ({
    target: { path: remote(`/${name}`) },
    localPath: gotPath(world, name),
    name,
  }));
  const { force = false, signal, onAdvance } = extras;
  const watched: TransferObserver = {
    ...observer,
    advance: (bytes, seeder) => {
      observer.advance(bytes, seeder);
      onAdvance?.();
    },
  };
  const options = { force, observer: watched, ...(signal === undefined ? {} : { signal }) };
  const results = await Array.fromAsync(downloadFiles(world.session, wanted, options));
  return { results, tally };
}

export function gotPath(world: World, name: string): string {
  return `${world.directory}/${name}.got`;
}

/** Downloads one file and compares it. */
export async function assertDownloads(
  world: World,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
) {
  const { results, tally } = await download(world, [name], { force: true });
  assert.equal(results[0]?.fault, undefined, String(results[0]?.fault));
  assertSame(await Deno.readFile(gotPath(world, name)), bytes);
  assert.equal(tally.done, bytes.length);
  return tally;
}

/** As deepEqual, at a speed fit for megabytes. */
export function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.length, expected.length);
  let i = 0;
  while (i < actual.length && actual[i] === expected[i]) i++;
  assert.equal(i, actual.length, `the bytes differ at ${i}`);
}

/** How many seeders of the world hold each chunk of these bytes. */
export function fewestCopies(world: World): number {
  const counts = new Map<string, number>();
  for (const seeder of world.seeders) {
    for (const chunkId of seeder.chunks.keys()) {
      counts.set(chunkId, (counts.get(chunkId) ?? 0) + 1);
    }
  }
  return Math.min(...counts.values());
}
