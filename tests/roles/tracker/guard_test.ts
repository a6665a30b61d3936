/** Every route with every kind of credentials: nothing opens without the right ones. */
import assert from "node:assert/strict";
import {
  ClusterId,
  encodeRequest,
  Fault,
  limits,
  logOrigin,
  makeCode,
  makePersonToken,
  type PersonRole,
  positionOf,
  Problem,
  proofHeader,
  Prover,
  readCode,
  readRequestProof,
  type Route,
  SecretKey,
  seederIdOf,
  seederKeyOf,
  trackerRoutes,
} from "../../../protocol/mod.ts";
import { readWhole } from "../../../roles/kit/disk.ts";
import { claims, loginBy } from "../../protocol/by_code.ts";
import { proverOf } from "../../protocol/prover.ts";
import { refusedWith, stateDirectory, stateOf, TrackerWorld } from "./tracker_world.ts";

const chunk = { chunkId: "c".repeat(64), sizeBytes: 5 };
const newSecret = SecretKey.parse("e".repeat(64));
const uploadId = "d".repeat(32);
const record = {
  ...{ sequence: 1, epoch: 1, term: "b".repeat(16), timeMs: 0, text: "{}" },
  ...{ checksum: "a".repeat(64), mac: "a".repeat(43) },
};

/** One well-formed input for every route. */
function inputs(world: TrackerWorld): Record<keyof typeof trackerRoutes, unknown> {
  const { seederId } = world.seeders[0] ?? world.newSeeder("none");
  return {
    health: {},
    join: {
      text: readCode(world.tracker.joinCode()).text,
      sealedAttempt: { nonce: "0".repeat(24), sealed: "00", tag: "0".repeat(32) },
      ...{ seederId: seederIdOf(newSecret), generation: 0 },
      ...{ name: "new", capacityBytes: 2 ** 40 },
      advertised: { port: 1 },
    },
    login: { text: readCode(world.tracker.loginCode()).text, nonce: "0".repeat(32) },
    heartbeat: world.seeders[0]?.report(),
    inventory: { seederId, bootId: "a".repeat(16), chunks: [], last: true },
    offer: {
      seederId,
      bootId: "a".repeat(16),
      files: [],
      report: {
        ...{ state: "resting", filesFound: 0, filesIndexed: 0, bytesIndexed: 0 },
        ...{ filesWaiting: 0, leftOutCount: 0, leftOut: [] },
      },
    },
    adopted: {},
    signOut: { seederId },
    pullLog: { seederId, position: logOrigin },
    presentLog: {
      ...{ seederId, generation: 1, heard: positionOf(record) },
      ...{ nonce: "a".repeat(32), mac: "a".repeat(43) },
      card: {
        sealedKey: {
          ...{ clusterId: "c".repeat(16), nonce: "a".repeat(24) },
          ...{ sealed: "a".repeat(128), tag: "a".repeat(32) },
        },
        copies: 2,
        seeders: 2,
      },
    },
    uploadLog: { seederId, records: [record] },
    pullSnapshot: { seederId, sequence: 1, offset: 0 },
    uploadSnapshot: { seederId, sequence: 1, offset: 0, text: "" },
    exportSnapshot: { sequence: 1, offset: 0 },
    exportLog: { after: 0 },
    mintCode: { purpose: "join" },
    status: {},
    stat: { target: { path: "/" }, follow: true },
    list: { path: "/" },
    usage: { path: "/" },
    resolvePrefix: { prefix: "abcde" },
    makeDirectories: { paths: ["/x"], parents: true },
    makeLinks: { links: [{ path: "/l", target: "x", modifiedMs: 1, replace: true }] },
    remove: { path: "/l", what: "tree" },
    trash: {},
    restore: { what: { path: "/l" } },
    emptyTrash: { trashIds: "all" },
    versions: { target: { path: "/f" } },
    revertFile: { path: "/f", versionId: uploadId },
    emptyVersions: { path: "/" },
    lastChange: {},
    move: { from: "/x", to: "/y", replace: true },
    setPolicy: { path: "/", copies: 2 },
    openUploads: {
      uploads: [{
        uploadId,
        path: "/f",
        condition: { kind: "replace" },
        chunkSizeBytes: limits.chunkBytesMin,
        modifiedMs: 1,
        mode: 0o600,
      }],
    },
    placeChunks: { chunks: [{ ...chunk, uploadId, avoid: [] }] },
    recordChunks: { chunks: [{ ...chunk, uploadId, index: 0, receipts: [] }] },
    commitUploads: {
      uploads: [{ uploadId, sizeBytes: 5, manifestDigest: "f".repeat(64), chunks: [] }],
    },
    abandonUploads: { uploadIds: [uploadId] },
    locate: { targets: [{ path: "/f" }], fromChunk: 0, chunksMax: 1 },
    reportChunks: { reports: [{ seederId, chunkId: chunk.chunkId }] },
    maintenance: { seederId, forMs: 60_000 },
    drain: { seederId, cancel: true },
    forget: { seederId, acceptLoss: false },
    acceptSeeder: { seederId },
    setPace: { pace: "gentle" },
    confirmLoss: {},
    scrubReport: {
      seederId,
      bootId: "a".repeat(16),
      verifiedMs: new Array(256).fill(0),
      progress: {
        pace: "calm",
        yielding: false,
        shelvesDone: 0,
        checkedChunks: 0,
        checkedBytes: 0,
        corruptChunks: 0,
        corruptMs: 0,
        unreadableChunks: 0,
      },
    },
    scrubStatus: {},
    scrubNow: { seeders: [seederId] },
    fsck: { repair: false },
    explain: { target: { path: "/f" }, fromChunk: 0, chunksMax: 1 },
    whatIf: { lose: [seederId] },
  };
}

async function clusterKeyOf(world: TrackerWorld): Promise<SecretKey> {
  const bytes = await readWhole(world.disk, `${stateDirectory}/cluster.json`);
  return SecretKey.parse(JSON.parse(new TextDecoder().decode(bytes)).clusterKey);
}

/** The fault code of the answer, or "opened" when the door let the request through. */
async function knock(
  world: TrackerWorld,
  route: Route,
  input: unknown,
  by: string | Prover | undefined,
): Promise<string> {
  const token = typeof by === "string" ? { token: by } : {};
  const options = by instanceof Prover ? { prover: by } : token;
  const request = encodeRequest(route, "http://tracker.test:1", input, options);
  const response = await world.tracker.app(request, "10.0.0.7");
  if (response.ok) return "opened";
  const { code } = Problem.parse(await response.json());
  if (code === "session-ended" && by instanceof Prover) {
    const asked = readRequestProof(request.headers.get(proofHeader));
    const reply = asked && by.open(asked, response.status, response.headers.get(proofHeader));
    assert(asked && reply, "a session is told under a proof");
    by.begin(asked, reply.session);
    return await knock(world, route, input, by);
  }
  return ["unauthenticated", "forbidden"].includes(code) ? code : "opened";
}

Deno.test("guard: every route against every kind of credentials", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const [one, two] = world.seeders;
  assert(one && two);
  const key = await clusterKeyOf(world);
  const foreign = SecretKey.parse("1".repeat(64));
  const person = (role: PersonRole, by = key) =>
    makePersonToken(by, { user: "someone", role, issuedMs: 0 });
  const roles: PersonRole[] = ["reader", "writer", "admin"];
  const bad: Record<string, string | Prover | undefined> = {
    none: undefined,
    garbage: "garbage",
    "another cluster's person": person("admin", foreign),
    "a person token with a changed body": person("reader").replace(/\.[^.]*\./, "."),
    "a join code": world.tracker.joinCode(),
    "a login code": world.tracker.loginCode(),
    "a seeder of another cluster": proverOf(
      one.seederId,
      seederKeyOf(foreign, one.seederId, 1),
    ),
    "the first seeder's name, the second's key": proverOf(one.seederId, two.key),
  };
  let doors = 0;
  for (const [name, route] of Object.entries(trackerRoutes)) {
    const input = inputs(world)[name as keyof typeof trackerRoutes];
    if (route.access !== "open") {
      const before = await stateOf(world.catalog);
      for (const [what, token] of Object.entries(bad)) {
        assert.equal(await knock(world, route, input, token), "unauthenticated", `${name} ${what}`);
        doors++;
      }
      const other = route.access === "seeder" ? "forbidden" : "unauthenticated";
      assert.equal(await knock(world, route, input, two.prover), other, `${name} as another`);
      assert.equal(await stateOf(world.catalog), before, name);
    }
    for (const role of roles) {
      const least = "role" in route ? route.role : undefined;
      const opens = route.access === "open" ||
        (route.access === "person" && roles.indexOf(role) >= roles.indexOf(least ?? "admin"));
      const refusal = route.access === "person" ? "forbidden" : "unauthenticated";
      const got = await knock(world, route, input, person(role));
      assert.equal(got, opens ? "opened" : refusal, `${name} as ${role}`);
      doors++;
    }
    const asSeeder = await knock(world, route, input, one.prover);
    const opens = route.access === "open" || route.access === "seeder";
    assert.equal(asSeeder, opens ? "opened" : "unauthenticated", name);
    doors++;
  }
  assert(doors > 200, `${doors} doors tried`);
});

Deno.test("guard: codes that are late, foreign, damaged or for another purpose open nothing", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  const key = await clusterKeyOf(world);
  const { clusterId } = await world.admin.status({});
  const body = claims({
    purpose: "login",
    clusterId: ClusterId.parse(clusterId),
    expiresMs: world.clock.now() + 10,
    uses: 2,
  });
  const good = makeCode(key, body);
  const secret = readCode(good).secret;
  const bare = good.slice(0, -secret.length);
  const read = readCode(good);
  const longer = Object.assign(readCode(makeCode(key, { ...body, uses: 9 })), {
    codeId: read.codeId,
    secret,
  });
  const lineOf = ({ text, codeId, secret }: typeof read) =>
    `offshore-login-${text}.${codeId}.${secret}`;
  const codes = [
    makeCode(key, { ...body, expiresMs: world.clock.now() - 1 }),
    makeCode(SecretKey.parse("1".repeat(64)), body),
    makeCode(key, { ...body, clusterId: ClusterId.parse("1".repeat(16)) }),
    `${bare}${"0".repeat(64)}`,
    lineOf(longer),
    world.tracker.joinCode(),
  ];
  for (const code of codes) {
    await refusedWith("code-invalid", loginBy(world.connection(), code));
  }
  const nobody = encodeRequest(trackerRoutes.login, "http://tracker.test:1", {
    ...{ text: read.text, nonce: "0".repeat(32) },
  }, {});
  assert.equal((await world.tracker.app(nobody, "10.0.0.7")).status, 401, "the text is no code");
  await loginBy(world.connection(), good);
  world.clock.advance(11);
  await refusedWith("code-invalid", loginBy(world.connection(), good));
  const stranger = world.newSeeder("stranger");
  const before = await stateOf(world.catalog);
  for (const code of [...codes.slice(0, -1), world.tracker.loginCode()]) {
    await refusedWith("code-invalid", stranger.join({}, code));
  }
  assert.equal(await stateOf(world.catalog), before);
});

Deno.test("guard: a seeder whose tracker forgot it is told so, not let in", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  const key = await clusterKeyOf(world);
  const stranger = world.newSeeder("stranger");
  stranger.hasKey(seederKeyOf(key, stranger.seederId, 1));
  await refusedWith("seeder-unknown", stranger.beat());
  await refusedWith("seeder-unknown", stranger.tellInventory());
  const { seederId } = stranger;
  await refusedWith("seeder-unknown", stranger.connection.signOut({ seederId }));
  assert(new Fault("seeder-unknown", "").next.includes("join"));
});

Deno.test("guard: a seeder's request that comes again, or with another body, does nothing", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  const [one] = world.seeders;
  assert(one);
  const route = trackerRoutes.heartbeat;
  const send = async (headers: Headers, input: unknown) => {
    const init = { method: "POST", headers, body: JSON.stringify(input) };
    const request = new Request(`http://tracker.test:1${route.path}`, init);
    const response = await world.tracker.app(request, "10.0.0.5");
    const said: { code?: string } = await response.json();
    return response.ok ? "taken" : said.code;
  };
  const headersFor = (input: unknown) =>
    encodeRequest(route, "http://tracker.test:1", input, { prover: one.prover }).headers;
  const address = async () => (await world.admin.status({})).seeders[0]?.address;
  const input = one.report(), moved = { ...input, advertised: { port: 7 } };
  const headers = headersFor(input);
  const before = await address();
  assert.equal(await send(headers, input), "taken");
  assert.equal(await send(headers, input), "session-ended", "again");
  assert.equal(await send(headersFor(input), moved), "digest-mismatch", "another body");
  assert.equal(await send(headersFor(moved), input), "body-too-large", "a longer body");
  const elsewhere = encodeRequest(trackerRoutes.inventory, "http://tracker.test:1", moved, {
    prover: one.prover,
  }).headers;
  assert.equal(await send(elsewhere, moved), "unauthenticated", "another route");
  assert.equal(await address(), before);
  assert.equal(await send(headersFor(moved), moved), "taken");
  assert.notEqual(await address(), before);
  await world.start();
  assert.equal(await send(headers, input), "session-ended", "after a start of the tracker");
});
