import assert from "node:assert/strict";
import { startTransferReport } from "../../../../roles/client/terminal/transfer_report.ts";
import type { Clock } from "../../../../roles/kit/clock.ts";
import { FakeTerminal } from "../client_world.ts";

/** Stands until it is moved; whoever sleeps is woken by the end only. */
function steppedClock(): Clock & { nowMs: number } {
  return {
    nowMs: 1000,
    now() {
      return this.nowMs;
    },
    sleep: (_, signal) =>
      new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject())),
  };
}

Deno.test("a transfer report draws on a terminal at most ten times a second", () => {
  const clock = steppedClock();
  const terminal = new FakeTerminal({ errorIsTerminal: true, columns: 60 });
  const report = startTransferReport({ clock, terminal, name: "put" });
  report.observer.expect(1000);
  for (let i = 0; i < 100; i++) {
    clock.nowMs += 10;
    report.observer.advance(10, "seeder-1");
  }
  const draws = terminal.error.split("\r\x1b[2K").length - 1;
  assert(draws >= 9 && draws <= 12, String(draws));
  report.observer.note("a\x1b[31m note");
  assert.match(terminal.error, /put: a\\e\[31m note\n$/);
  report.end();
  const length = terminal.error.length;
  report.observer.advance(1, undefined);
  assert.equal(terminal.error.length, length);
});

Deno.test("a transfer report draws nothing where no terminal is, and keeps count", () => {
  const clock = steppedClock();
  const terminal = new FakeTerminal({});
  const report = startTransferReport({ clock, terminal, name: "get" });
  report.observer.expect(10);
  clock.nowMs += 1000;
  report.observer.advance(10, "seeder-1");
  report.file(true);
  report.end();
  assert.equal(terminal.error, "");
  assert.deepEqual([report.state().doneBytes, report.state().filesFailed], [10, 1]);
});
