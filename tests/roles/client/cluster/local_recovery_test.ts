/** What `up` does when a tracker's folder is there, gone, or gone with its recovery code. */
import assert from "node:assert/strict";
import { Fault } from "../../../../protocol/mod.ts";
import { seededRandom, systemRandom } from "../../../../roles/kit/random.ts";
import {
  keepRecoveryCode,
  recoveryCodePath,
  trackerBegins,
} from "../../../../roles/client/cluster/local_recovery.ts";
import { SimDisk } from "../../../simulation/machine/sim_disk.ts";

const disks = "/home/someone/.disks";
const bytes = (text: string) => new TextEncoder().encode(text);

async function folder(files: Readonly<Record<string, string>>): Promise<SimDisk> {
  const disk = new SimDisk({ random: seededRandom(1) });
  await disk.makeDirectory(disks);
  for (const [path, text] of Object.entries(files)) {
    await disk.makeDirectory(`${disks}/${path}`.slice(0, `${disks}/${path}`.lastIndexOf("/")));
    disk.plant(`${disks}/${path}`, bytes(text));
  }
  return disk;
}

const seeder = { "seeder-2/.offshore/seeder/seeder.json": '{"clusterId":"c1","seederId":"s"}' };
const tracker = {
  "tracker/.offshore/tracker/cluster.json": "{}",
  "tracker/.offshore/tracker/codes/recovery": "offshore-recovery-1\n",
};
const code = { "recovery-code": "offshore-recovery-1\n" };

Deno.test("trackerBegins lets a tracker start where it is, and where nobody is yet", async () => {
  assert.deepEqual(await trackerBegins(new SimDisk({ random: seededRandom(1) }), disks, false), {});
  assert.deepEqual(await trackerBegins(await folder({}), disks, false), {});
  const damaged = { "seeder-1/.offshore/seeder/seeder.json": "{" };
  assert.deepEqual(await trackerBegins(await folder(damaged), disks, false), {});
  assert.deepEqual(await trackerBegins(await folder({ ...seeder, ...tracker }), disks, false), {});
});

Deno.test("trackerBegins makes no new tracker over the seeders of a lost one", async () => {
  const refused = (files: Readonly<Record<string, string>>, rebuild: boolean) =>
    assert.rejects(async () => trackerBegins(await folder(files), disks, rebuild), Fault)
      .then(() => folder(files))
      .then((disk) => trackerBegins(disk, disks, rebuild).catch((fault: Fault) => fault));
  const lost = await refused(seeder, false) as Fault;
  assert.match(lost.message, /belong to cluster c1/);
  assert.match(lost.next, /write its recovery code into \S+ then type: offshore up --rebuild/);
  const known = await refused({ ...seeder, ...code }, false) as Fault;
  assert.match(known.next, /or type: offshore up --rebuild/);
  const there = await refused({ ...seeder, ...tracker, ...code }, true) as Fault;
  assert.match(there.message, /holds a tracker's state/);
  const uncoded = await refused(seeder, true) as Fault;
  assert.equal(uncoded.code, "no-credentials");
  const nobody = await refused(code, true) as Fault;
  assert.match(nobody.message, /no seeder in \S+ belongs to a cluster/);
});

Deno.test("trackerBegins hands the kept code to a rebuild", async () => {
  const begins = await trackerBegins(await folder({ ...seeder, ...code }), disks, true);
  assert.deepEqual(begins, {
    OFFSHORE_REBUILD: "true",
    OFFSHORE_RECOVERY_CODE_FILE: recoveryCodePath(disks),
  });
});

Deno.test("keepRecoveryCode keeps the tracker's code beside its folder, once, for its owner", async () => {
  const disk = await folder(tracker);
  assert.equal(await keepRecoveryCode(disk, systemRandom(), disks), true);
  assert.equal(new TextDecoder().decode(disk.peek(recoveryCodePath(disks))), code["recovery-code"]);
  assert.equal((await disk.stat(recoveryCodePath(disks)))?.mode, 0o600);
  assert.equal(await keepRecoveryCode(disk, systemRandom(), disks), false);
  disk.plant(`${disks}/tracker/.offshore/tracker/codes/recovery`, bytes("offshore-recovery-2\n"));
  assert.equal(await keepRecoveryCode(disk, systemRandom(), disks), true);
  // A person may take the file away from the tracker's disk.
  disk.uproot(`${disks}/tracker/.offshore/tracker/codes/recovery`);
  assert.equal(await keepRecoveryCode(disk, systemRandom(), disks), false);
});
