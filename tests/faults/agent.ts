/**
 * A client that lives long: each line of its standard input is one command of the program, run by
 * the client's own code as if typed after `offshore`, several at once. Each answer is a line with
 * exit code and output. `stream` counts instead of keeping what a command prints, and tells the
 * longest time in which nothing came.
 *
 * It exists because a process for each of many operations a second would measure nothing but starts
 * of processes. It decides nothing and checks nothing: that is outside the lab.
 */
import type * as z from "zod";
import { startDigest } from "../../protocol/mod.ts";
import { linesOf, OutputClosed } from "../../roles/client/terminal/terminal.ts";
import { runClient, type Terminal } from "../../roles/client/mod.ts";
import { systemClock } from "../../roles/kit/clock.ts";
import { silentLog } from "../../roles/kit/log.ts";
import { systemRandom } from "../../roles/kit/random.ts";
import { systemDisk } from "../../roles/kit/system_disk.ts";
import { systemTransport } from "../../roles/kit/system_transport.ts";
import { type AgentAnswer, type AgentLine, AgentQuestion } from "./agent_lines.ts";

const decoder = new TextDecoder(), encoder = new TextEncoder();
const parts = {
  clock: systemClock(),
  random: systemRandom(),
  disk: systemDisk(),
  transport: systemTransport(),
  log: silentLog,
  environment: Deno.env.toObject(),
  currentDirectory: Deno.cwd(),
};

/** What a command prints goes through `write` and `writeError`; nothing is typed. */
function terminalOf(
  write: (bytes: Uint8Array<ArrayBuffer>) => void,
  writeError: (text: string) => void,
): Terminal {
  return {
    inputIsTerminal: false,
    outputIsTerminal: false,
    errorIsTerminal: false,
    columns: () => 80,
    input: () => new ReadableStream({ start: (controller) => controller.close() }),
    lines: async function* () {},
    write: (bytes) => Promise.resolve(write(bytes)),
    writeError,
    onInterrupt: () => () => {},
    secretInput: { isTerminal: false, ask: () => Promise.resolve(undefined) },
    openPrompt: () => Promise.reject(new OutputClosed("nobody types here")),
  };
}

async function answer(question: AgentQuestion): Promise<AgentAnswer> {
  let out = "", err = "", bytes = 0, gapMs = 0, gapAt = 0;
  const beganMs = performance.now();
  let lastMs = beganMs;
  const keep = (part: Uint8Array<ArrayBuffer>) => void (out += decoder.decode(part));
  const digest = startDigest();
  const count = (part: Uint8Array<ArrayBuffer>) => {
    const nowMs = performance.now();
    // Before the first byte there is no download that could stall.
    if (bytes > 0 && nowMs - lastMs > gapMs) [gapMs, gapAt] = [nowMs - lastMs, bytes];
    digest.update(part);
    bytes += part.length;
    say({ id: question.id, streamed: bytes });
    // Hashing and telling is not the cluster's time.
    lastMs = performance.now();
  };
  const terminal = terminalOf(question.stream ? count : keep, (text) => void (err += text));
  const code = await runClient({ ...parts, argv: question.words, terminal });
  const tookMs = performance.now() - beganMs;
  const sha256 = digest.hex();
  return { id: question.id, code, out, err, bytes, gapMs, gapAt, sha256, tookMs };
}

/** One write for a line: answers come from several commands at once. */
function say(line: z.output<typeof AgentLine>): void {
  const text = encoder.encode(`${JSON.stringify(line)}\n`);
  for (let done = 0; done < text.length;) done += Deno.stdout.writeSync(text.subarray(done));
}

for await (const line of linesOf(Deno.stdin.readable)) {
  answer(AgentQuestion.parse(JSON.parse(line))).then(say);
}
Deno.exit(0);
