/** Arguments by their bytes, from whoever can tell them, and none mistaken where nobody can. */
import assert from "node:assert/strict";
import { exactArguments } from "../../../roles/kit/exact_arguments.ts";

const bytes = new Uint8Array([
  ...new TextEncoder().encode("deno\0run\0put\0"),
  ...[0x63, 0x61, 0x66, 0xe9, 0],
  ...new TextEncoder().encode("caf\ufffd\0"),
]);
const decoded = ["put", "caf\ufffd", "caf\ufffd"];
const nobody = () => {
  throw new Deno.errors.NotCapable("no");
};

Deno.test("exactArguments tells bytes that are no UTF-8 from the character that stands for them", () => {
  const exact = ["put", "caf\udce9", "caf\ufffd"];
  const cases = [
    { fromHead: undefined, commandLine: () => bytes },
    { fromHead: bytes.subarray(9).toHex(), commandLine: nobody },
    { fromHead: "no hex", commandLine: () => bytes },
    { fromHead: "00", commandLine: () => bytes },
  ];
  for (const sources of cases) assert.deepEqual(exactArguments(decoded, sources), exact);
});

Deno.test("exactArguments takes none for a neighbour where nobody tells the bytes", () => {
  const wrong = { fromHead: "610062006300", commandLine: nobody };
  for (const sources of [{ fromHead: undefined, commandLine: nobody }, wrong]) {
    const [put, ...rest] = exactArguments(decoded, sources);
    assert.equal(put, "put");
    assert.deepEqual(rest.map((one) => one.isWellFormed()), [false, false]);
  }
  const plain = ["get", "/größe", "."];
  assert.deepEqual(exactArguments(plain, { fromHead: "00", commandLine: nobody }), plain);
});
