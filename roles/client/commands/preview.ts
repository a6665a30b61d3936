/**
 * `preview`: the first bytes of a file, as text with control characters made visible, or as hex.
 */
import { Fault } from "../../../protocol/mod.ts";
import { type Command, type CommandContext, forEach } from "../command.ts";
import { find } from "../cluster/targets.ts";
import { count, sizeText, visible, visibleLines } from "../terminal/wording.ts";

const previewBytes = 4096;

export const preview: Command = {
  spec: {
    name: "preview",
    changes: "nothing",
    aliases: ["pv"],
    group: "Files",
    summary: "Show the beginning of a file.",
    details:
      "The first 4 KiB. Control characters are made visible, so any file is safe to look at.",
    arguments: [{ name: "path", summary: "what to show", repeated: true }],
    options: [{ name: "hex", summary: "as hex digits and characters" }],
    examples: ["preview /notes.txt", "pv --hex /photo.jpg"],
  },
  completes: ["remote"],
  run: (context) =>
    forEach(context, context.run.words("path"), (word) => previewOne(context, word)),
};

async function previewOne(context: CommandContext, word: string): Promise<void> {
  const found = await find(context, word);
  if (found.stat.kind === "directory") {
    throw new Fault("is-a-directory", `${visible(word)} is a directory`, {
      next: "name a file, or list the directory with ls",
    });
  }
  const { sizeBytes } = found.stat;
  const { session } = await context.access();
  const { readFile } = await import("../transfer/read.ts");
  const end = Math.min(sizeBytes, previewBytes);
  const bytes = new Uint8Array(end);
  let length = 0;
  if (end > 0) {
    const range = { start: 0, end };
    for await (
      const part of readFile(session, found.target, range, { signal: context.signal })
    ) {
      bytes.set(part.subarray(0, end - length), length);
      length = Math.min(end, length + part.length);
    }
  }
  const shown = bytes.subarray(0, length);
  const hex = context.run.isSet("hex");
  const text = hex ? undefined : textOf(shown, length < sizeBytes);
  if (context.json) {
    const content = text === undefined ? { hex: shown.toHex() } : { text };
    await context.printJson({ path: found.path, sizeBytes, shownBytes: length, ...content });
    return;
  }
  if (length > 0) await context.print(text === undefined ? hexLines(shown) : lines(text));
  const cut = sizeBytes - length;
  if (cut > 0) {
    context.note(`${sizeText(cut)} more (${count(cut, "byte")}); get or cat shows all`);
  }
  if (sizeBytes === 0) context.note(`${visible(found.path)} is empty`);
}

/** UTF-8 as far as it goes; a character cut by the end of the preview is left out. */
function textOf(bytes: Uint8Array, isCut: boolean): string {
  return new TextDecoder().decode(bytes, { stream: isCut });
}

function lines(text: string): string[] {
  return visibleLines(text.replace(/\n$/, "")).split("\n");
}

/** As `hexdump -C` writes: offset, two groups of eight bytes, printable ASCII. */
export function hexLines(bytes: Uint8Array): string[] {
  const result: string[] = [];
  for (let offset = 0; offset < bytes.length; offset += 16) {
    const row = [...bytes.subarray(offset, offset + 16)];
    const digits = row.map((byte) => byte.toString(16).padStart(2, "0"));
    const left = digits.slice(0, 8).join(" ").padEnd(23);
    const right = digits.slice(8).join(" ").padEnd(23);
    const text = row.map((byte) => byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".");
    result.push(`${offset.toString(16).padStart(8, "0")}  ${left}  ${right}  |${text.join("")}|`);
  }
  return result;
}
