/**
 * Values of flags and environment: what is taken, and a fault that names source, value and reason.
 */
import assert from "node:assert/strict";
import * as z from "zod";
import { Fault } from "../../../protocol/mod.ts";
import type { CommandRun } from "../../../roles/kit/command_line.ts";
import { ListenText, readConfig, SizeText, wholeNumber } from "../../../roles/kit/config.ts";

Deno.test("SizeText reads sizes in powers of 1024", () => {
  const cases: [string, number][] = [
    ["0", 0],
    ["500", 500],
    ["1k", 1024],
    ["500M", 500 * 2 ** 20],
    ["2GiB", 2 ** 31],
    ["1tb", 2 ** 40],
  ];
  for (const [text, bytes] of cases) assert.equal(SizeText.parse(text), bytes, text);
  for (const text of ["", "M", "-1", "1.5G", "1 G", "1X", "1MM", "1e3"]) {
    assert.equal(SizeText.safeParse(text).success, false, text);
  }
});

Deno.test("wholeNumber keeps to its bounds", () => {
  const copies = wholeNumber(1, 16);
  assert.equal(copies.parse("16"), 16);
  for (const text of ["0", "17", "", "two", "1.0", "+1", "0x1"]) {
    assert.equal(copies.safeParse(text).success, false, text);
  }
});

const schema = z.strictObject({
  listen: ListenText,
  joinCode: z.string().optional(),
});

/** A run with these options given, as if by environment. */
function runOf(given: Record<string, string>): CommandRun {
  const run: Pick<CommandRun, "text" | "source" | "isSecret"> = {
    isSecret: (name) => name === "join-code",
    text: (name) => given[name],
    source: (name) => name in given ? `OFFSHORE_${name.toUpperCase()}` : undefined,
  };
  return run as CommandRun;
}

Deno.test("readConfig takes each field from the option of its name", () => {
  const config = readConfig(schema, runOf({ listen: "[::]:80", "join-code": "x" }));
  assert.deepEqual(config, { listen: { host: "::", port: 80 }, joinCode: "x" });
});

Deno.test("readConfig names where a bad value came from, what it is, and what is expected", () => {
  const refusal = (given: Record<string, string>) => {
    try {
      readConfig(schema, runOf(given));
    } catch (error) {
      assert.ok(error instanceof Fault && error.code === "config-invalid");
      return error.message;
    }
    return "taken";
  };
  assert.equal(
    refusal({ listen: "nonsense" }),
    'OFFSHORE_LISTEN is "nonsense": expected HOST:PORT',
  );
  assert.match(refusal({}), /^--listen is missing/);
});
