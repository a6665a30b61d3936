/** The log as it travels: chained, signed, sealed, and line by line. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ClusterId,
  Fault,
  followsIn,
  isCardSigned,
  isPresentedBy,
  isSigned,
  logChecksum,
  logLine,
  logOrigin,
  LogRecord,
  positionOf,
  readLogLine,
  rebuildProof,
  RecoveryCode,
  sealKey,
  SecretKey,
  SeederId,
  seederKeyOf,
  signCard,
  signPresentation,
  signRecord,
  unsealKey,
} from "../../protocol/mod.ts";

const key = SecretKey.parse("1f".repeat(32));
const other = SecretKey.parse("2e".repeat(32));
const clusterId = ClusterId.parse("c".repeat(16));
const seederId = SeederId.parse("5".repeat(16));
const code = RecoveryCode.parse(`offshore-recovery-${"3d".repeat(32)}`);

function recordAfter(previous: LogRecord | undefined, text: string): LogRecord {
  const { sequence, checksum } = positionOf(previous);
  return signRecord(key, {
    sequence: sequence + 1,
    epoch: 4,
    term: "4f".repeat(8),
    timeMs: 1000,
    text,
    checksum: logChecksum(checksum, text),
  });
}

Deno.test("a record follows the one before it and no other", () => {
  const first = recordAfter(undefined, "a");
  const second = recordAfter(first, "b");
  assert.ok(followsIn(logOrigin, first));
  assert.ok(followsIn(positionOf(first), second));
  assert.ok(!followsIn(logOrigin, second));
  assert.ok(!followsIn(positionOf(second), second));
  assert.ok(!followsIn(positionOf(first), { ...second, text: "c" }));
});

Deno.test("a signature covers every field of a record", () => {
  const record = recordAfter(undefined, "a");
  assert.ok(isSigned(key, record));
  assert.ok(!isSigned(other, record));
  for (
    const change of [
      ...[{ sequence: 2 }, { epoch: 5 }, { term: "0".repeat(16) }, { timeMs: 1001 }],
      { checksum: "0".repeat(64) },
    ]
  ) assert.ok(!isSigned(key, { ...record, ...change }), JSON.stringify(change));
});

Deno.test("a sealed key opens under its code and cluster alone", () => {
  const sealed = sealKey(code, clusterId, key, "00".repeat(12));
  assert.equal(unsealKey(code, sealed), key);
  assert.ok(!JSON.stringify(sealed).includes(key));
  const wrongCode = RecoveryCode.parse(`offshore-recovery-${"3c".repeat(32)}`);
  const wrong = [
    () => unsealKey(wrongCode, sealed),
    () => unsealKey(code, { ...sealed, clusterId: ClusterId.parse("d".repeat(16)) }),
    () => unsealKey(code, { ...sealed, tag: "0".repeat(32) }),
    () => unsealKey(code, { ...sealed, sealed: "0".repeat(128) }),
  ];
  for (const open of wrong) {
    assert.throws(open, (fault) => fault instanceof Fault && fault.code === "code-invalid");
  }
});

function cardOf(epoch: number, signer = key) {
  const keepers = { epoch, sequence: 2, seederIds: [seederId] };
  return signCard(signer, { sealedKey: sealKey(code, clusterId, key, "00".repeat(12)), keepers });
}

Deno.test("a card is the tracker's, all of it", () => {
  const card = cardOf(3);
  assert.ok(isCardSigned(key, card));
  assert.ok(!isCardSigned(key, cardOf(3, other)));
  const { keepers, sealedKey } = card;
  const changes = [
    ...[{ epoch: 4 }, { sequence: 3 }, { seederIds: [] }, { before: [] }].map((change) => ({
      keepers: { ...keepers, ...change },
    })),
    { sealedKey: { ...sealedKey, tag: "0".repeat(32) } },
  ];
  for (const change of changes) assert.ok(!isCardSigned(key, { ...card, ...change }));
});

Deno.test("a presentation is believed from its seeder alone, and answered by the tracker alone", () => {
  const seederKey = seederKeyOf(key, seederId, 1);
  const card = cardOf(3);
  const nonce = "7".repeat(32);
  const request = signPresentation(seederKey, {
    ...{ seederId, generation: 1, card, nonce, heard: positionOf(recordAfter(undefined, "b")) },
    last: positionOf(recordAfter(undefined, "a")),
    ...{ after: logOrigin, snapshots: [] },
  });
  assert.ok(isPresentedBy(seederKey, request));
  assert.ok(!isPresentedBy(seederKeyOf(other, seederId, 1), request));
  assert.ok(
    !isPresentedBy(seederKey, { ...request, heard: positionOf(recordAfter(undefined, "c")) }),
  );
  assert.ok(!isPresentedBy(seederKey, { ...request, after: positionOf(request.last) }));
  assert.ok(!isPresentedBy(seederKey, { ...request, card: cardOf(4) }));
  assert.ok(!isPresentedBy(seederKey, { ...request, nonce: "8".repeat(32) }));
  assert.notEqual(
    rebuildProof(seederKey, seederId, nonce),
    rebuildProof(seederKeyOf(other, seederId, 1), seederId, nonce),
  );
  assert.notEqual(rebuildProof(seederKey, seederId, nonce), request.mac);
});

Deno.test("a line comes back as it was written, and never after any change", () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(), fc.integer({ min: 1, max: 255 }), (text, at, flip) => {
      const record = recordAfter(undefined, text);
      const line = logLine(record);
      assert.equal(line.indexOf("\n"), line.length - 1);
      assert.deepEqual(readLogLine(LogRecord, line.slice(0, -1)), record);
      const cut = at % (line.length - 1);
      assert.equal(readLogLine(LogRecord, line.slice(0, cut)), undefined);
      const changed = line.slice(0, cut) + String.fromCharCode(line.charCodeAt(cut) ^ flip) +
        line.slice(cut + 1, -1);
      assert.equal(readLogLine(LogRecord, changed), undefined);
    }),
  );
});
