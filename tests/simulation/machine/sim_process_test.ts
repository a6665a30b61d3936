import assert from "node:assert/strict";
import { seededRandom } from "../../../roles/kit/random.ts";
import { SimClock, Timeline } from "./sim_clock.ts";
import { SimDisk } from "./sim_disk.ts";
import { SimProcess } from "./sim_process.ts";

Deno.test("SimProcess gives back nothing that was awaited once its life has ended", async () => {
  const timeline = new Timeline(), process = new SimProcess("p");
  const clock = process.clock(new SimClock(timeline));
  let woke = false;
  clock.sleep(10).then(() => woke = true, () => woke = true);
  timeline.after(5, () => process.end());
  await timeline.pass(100);
  assert.equal(woke, false);
});

Deno.test("SimProcess lets a dead life's calls have no effect", async () => {
  const timeline = new Timeline(), process = new SimProcess("p");
  const disk = new SimDisk({ random: seededRandom(1) });
  const gated = process.disk(disk);
  const file = await gated.open("/f", "create");
  process.end();
  file.write(new Uint8Array(10), 0);
  gated.makeDirectory("/d");
  await timeline.pass(10);
  assert.deepEqual(disk.files(), [{ path: "/f", sizeBytes: 0 }]);
  assert.deepEqual((await disk.list("/")).map((entry) => entry.name), ["f"]);
});

Deno.test("SimProcess.crashAtCall ends the life in the place of a call", async () => {
  const timeline = new Timeline(), process = new SimProcess("p");
  const disk = new SimDisk({ random: seededRandom(1) });
  const gated = process.disk(disk);
  process.crashAtCall(3, () => process.end());
  const work = async () => {
    for (let i = 0;; i++) await gated.makeDirectory(`/d${i}`);
  };
  work();
  await timeline.pass(1);
  assert.equal(process.alive, false);
  assert.deepEqual((await disk.list("/")).map((entry) => entry.name), ["d0", "d1"]);
});
