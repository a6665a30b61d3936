/**
 * A wire that is long: takes connections and passes on what comes, each way as much later as told.
 * Stands where this kernel cannot delay packets itself. Order is kept, nothing is lost.
 *
 * deno run -A delay_proxy.ts HOST:PORT TO-HOST:PORT MILLISECONDS
 */

function addressOf(text = ""): { hostname: string; port: number } {
  const at = text.lastIndexOf(":");
  return { hostname: text.slice(0, at), port: Number(text.slice(at + 1)) };
}

const [from, to, ms] = Deno.args;
const delayMs = Number(ms);

/** Passes on what `source` says, late, and its end as well. */
async function pass(source: Deno.TcpConn, target: Deno.TcpConn): Promise<void> {
  const waiting: { bytes: Uint8Array; dueMs: number }[] = [];
  let wake = () => {};
  let ended = false;
  const send = async () => {
    for (;;) {
      const first = waiting.shift();
      if (first === undefined) {
        if (ended) break;
        await new Promise<void>((resolve) => wake = resolve);
        continue;
      }
      await new Promise((resolve) => setTimeout(resolve, first.dueMs - performance.now()));
      for (let done = 0; done < first.bytes.length;) {
        done += await target.write(first.bytes.subarray(done));
      }
    }
    await target.closeWrite();
  };
  const sending = send();
  sending.catch(() => source.close());
  for (;;) {
    const bytes = new Uint8Array(65_536);
    const count = await source.read(bytes).catch(() => null);
    if (count === null) break;
    waiting.push({ bytes: bytes.subarray(0, count), dueMs: performance.now() + delayMs });
    wake();
  }
  ended = true;
  wake();
  await sending;
}

const listener = Deno.listen(addressOf(from));
console.log("listening");
for await (const near of listener) {
  (async () => {
    using far = await Deno.connect(addressOf(to));
    using _ = near;
    await Promise.all([pass(near, far), pass(far, near)]);
  })().catch(() => {});
}
