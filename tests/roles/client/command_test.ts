import assert from "node:assert/strict";
import { Fault } from "../../../protocol/mod.ts";
import { type CommandContext, forEach } from "../../../roles/client/command.ts";

function contextOf(signal: AbortSignal): { context: CommandContext; told: string[] } {
  const told: string[] = [];
  const context = { signal, report: (fault: Fault) => told.push(fault.code) };
  return { context: context as unknown as CommandContext, told };
}

Deno.test("forEach tells what is about one item and goes on", async () => {
  const { context, told } = contextOf(new AbortController().signal);
  const done: number[] = [];
  await forEach(context, [1, 2, 3], (item) => {
    done.push(item);
    return item === 2 ? Promise.reject(new Fault("not-found", "no")) : Promise.resolve();
  });
  assert.deepEqual([done, told], [[1, 2, 3], ["not-found"]]);
});

Deno.test("forEach ends at what would only happen again, and when it is cancelled", async () => {
  for (const error of [new Fault("tracker-unreachable", "no"), new Error("a mistake of ours")]) {
    const { context } = contextOf(new AbortController().signal);
    let count = 0;
    const run = forEach(context, [1, 2], () => {
      count += 1;
      return Promise.reject(error);
    });
    await assert.rejects(run, error);
    assert.equal(count, 1);
  }
  const { context } = contextOf(AbortSignal.abort(new Fault("interrupted", "cancelled")));
  await assert.rejects(forEach(context, [1], () => Promise.resolve()), /cancelled/);
});
