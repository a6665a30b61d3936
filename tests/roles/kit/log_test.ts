/** One JSON line per event, above the level asked for, with errors told to their last cause. */
import assert from "node:assert/strict";
import { Fault } from "../../../protocol/mod.ts";
import type { Clock } from "../../../roles/kit/clock.ts";
import { lineLog, type LogLevel, logLevels, silentLog } from "../../../roles/kit/log.ts";

const clock: Clock = { now: () => 1_700_000_000_123, sleep: () => Promise.resolve() };

function linesAbove(least: LogLevel): string[] {
  const lines: string[] = [];
  const log = lineLog(clock, "seeder", least, (line) => lines.push(line));
  for (const level of logLevels) log[level](`${level} event`, { count: 1 });
  return lines;
}

Deno.test("lineLog writes time, level, role, event and fields as one line of JSON", () => {
  assert.deepEqual(linesAbove("error").map((line) => JSON.parse(line)), [{
    time: "2023-11-14T22:13:20.123Z",
    level: "error",
    role: "seeder",
    event: "error event",
    count: 1,
  }]);
});

Deno.test("lineLog writes what is at its level or above", () => {
  assert.deepEqual(logLevels.map((level) => linesAbove(level).length), [4, 3, 2, 1]);
});

Deno.test("lineLog keeps text with line ends on one line", () => {
  const lines: string[] = [];
  lineLog(clock, "client", "info", (line) => lines.push(line)).info("a\nb", { text: "c\r\nd" });
  assert.equal(lines.length, 1);
  assert.ok(!/[\r\n]/.test(lines[0] ?? "\n"));
});

Deno.test("lineLog tells an error with its code and the chain of its causes", () => {
  const lines: string[] = [];
  const system = Object.assign(new Error("no space left"), { code: "ENOSPC" });
  const fault = new Fault("disk-full", "chunk 1 not stored", { cause: system });
  lineLog(clock, "seeder", "info", (line) => lines.push(line)).warn("store failed", { fault });
  assert.equal(
    JSON.parse(lines[0] ?? "").fault,
    "disk-full: chunk 1 not stored; because ENOSPC: no space left",
  );
});

Deno.test("silentLog writes nothing and never fails", () => {
  for (const level of logLevels) assert.equal(silentLog[level]("event", {}), undefined);
});
