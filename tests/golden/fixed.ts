/**
 * What the examples are made of: one cluster with fixed keys, two seeders, one small file, one
 * moment.
 */
import {
  BaseUrl,
  chunkIdOf,
  ClusterId,
  Fault,
  logChecksum,
  logOrigin,
  makeCode,
  makeLeave,
  makeReceipt,
  problemOf,
  proverOfCode,
  readCode,
  RecoveryCode,
  sealKey,
  sealUnderCode,
  SecretKey,
  SeederId,
  seederKeyOf,
  signCard,
  signRecord,
  SnapshotWriter,
  startManifestDigest,
} from "../../protocol/mod.ts";

export const nowMs = 1_800_000_000_000;
export const clusterKey = SecretKey.parse("5e".repeat(32));
export const clusterId = ClusterId.parse("c1c1c1c1c1c1c1c1");
export const seederId = SeederId.parse("5eed000000000001");
export const secondId = SeederId.parse("5eed000000000002");
export const seederKey = seederKeyOf(clusterKey, seederId, 1);
export const bytes = new TextEncoder().encode("hello, offshore\n");
export const chunkId = chunkIdOf(bytes);
export const sizeBytes = bytes.length;
export const entry = { chunkId, sizeBytes };
export const uploadId = "0123456789abcdef0123456789abcdef";
export const bootId = "b007b007b007b007";
export const tracker = "http://127.0.0.1:8470";
export const address = "http://127.0.0.1:8471";
export const secondAddress = "http://127.0.0.1:8472";
export const chunkSizeBytes = 4 * 1024 * 1024;
export const leaveLifeMs = 600_000;

export const named = [
  { seederId, address: BaseUrl.parse(address) },
  { seederId: secondId, address: BaseUrl.parse(secondAddress) },
];
export const leaveAt = (id: SeederId, action: "read" | "store") =>
  makeLeave(
    seederKeyOf(clusterKey, id, 1),
    { action, chunkId, sizeBytes },
    nowMs + leaveLifeMs,
    action === "store" ? named : [],
  );
export const storeLeave = leaveAt(seederId, "store");
export const readLeave = leaveAt(seederId, "read");
export const receipt = makeReceipt(seederKey, seederId, chunkId, sizeBytes, storeLeave);
export const secondPlace = {
  seederId: secondId,
  address: secondAddress,
  leave: leaveAt(secondId, "store"),
};
export const chain = { named, links: [{ seederId: secondId, leave: secondPlace.leave }] };
const manifest = startManifestDigest(chunkSizeBytes);
manifest.add(entry);
export const manifestDigest = manifest.hex();
export const condition = { kind: "create" };
export const file = {
  name: "hello.txt",
  kind: "file",
  sizeBytes,
  modifiedMs: nowMs - 5000,
  mode: 0o644,
  versionId: uploadId,
};
export const space = { totalBytes: 1e12, freeBytes: 4e11, usedBytes: 5e11 };
export const unknownUpload = problemOf(
  new Fault("upload-unknown", `no upload ${uploadId} is open`),
);
const lineOf = (purpose: "join" | "login") =>
  makeCode(clusterKey, {
    ...{ purpose, tracker, clusterId, expiresMs: nowMs + 900_000, uses: 1 },
    salt: "5a17".repeat(4),
  });
export const joinLine = lineOf("join");
export const joinCode = readCode(joinLine);
export const loginCode = readCode(lineOf("login"));
export const loginNonce = "4e".repeat(16);
export const proverBy = (by: typeof joinCode) => proverOfCode(by, "c0".repeat(16));
/** Under a code, as it travels. */
export const sealedBy = ({ secret }: typeof joinCode, about: string, text: string) =>
  sealUnderCode(secret, "0a".repeat(12), about, text);

const recoveryCode = RecoveryCode.parse(`offshore-recovery-${"5e".repeat(32)}`);
export const card = signCard(clusterKey, {
  sealedKey: sealKey(recoveryCode, clusterId, clusterKey, "ab".repeat(12)),
  keepers: { epoch: 3, sequence: 1, seederIds: [seederId], before: [] },
});
const firstText = '{"kind":"set-policy","nodeId":1,"copies":3,"by":"ada"}';
export const firstRecord = signRecord(clusterKey, {
  sequence: 1,
  epoch: 3,
  term: "7e".repeat(8),
  timeMs: nowMs,
  text: firstText,
  checksum: logChecksum(logOrigin.checksum, firstText),
});
const secondText = '{"kind":"remove","nodeId":7,"by":"ada"}';
export const secondRecord = signRecord(clusterKey, {
  sequence: 2,
  epoch: 3,
  term: "7e".repeat(8),
  timeMs: nowMs + 5,
  text: secondText,
  checksum: logChecksum(firstRecord.checksum, secondText),
});

const snapshot = new SnapshotWriter(clusterKey, {
  ...{ format: "offshore snapshot 1", clusterId, at: firstRecord },
});
/** The first lines of a snapshot; what follows them is left out. */
export const snapshotText = snapshot.begin() + snapshot.row({ counters: { highestNodeId: 1 } });
export const snapshotMark = snapshot.end().mark;
