/**
 * What was thrown elsewhere, as text for people. A checker of messages, the system, a mistake of
 * the program, another role: what only a programmer can read is taken out where it comes in, so
 * that no message, note or line of JSON that quotes it later shows it.
 */

/** Without stacks, without the checker's JSON, without the runtime's names for errors and calls. */
export function plainText(text: string): string {
  const told = withoutIssues(text).split("\n")
    .filter((line) => !/^\s+at \S/.test(line))
    .join("\n")
    // `(os error 2): realpath '/x'`: the path is named already, the number is of no use.
    .replace(/ \(os error \d+\)(: [a-z_ ]+ '[^']*'( -> '[^']*')?)?/g, "");
  return told.trim() === "" && text.trim() !== "" ? "something went wrong" : told;
}

/** The checker throws its issues as a JSON list: their sentences are for people. */
function withoutIssues(text: string): string {
  const found = /\[\s*\{[^]*"message"[^]*\}\s*\]/.exec(text);
  if (found === null) return text;
  const before = text.slice(0, found.index), after = text.slice(found.index + found[0].length);
  return before + sentencesOf(found[0]) + after;
}

function sentencesOf(json: string): string {
  try {
    const issues: unknown = JSON.parse(json);
    const sentences = (Array.isArray(issues) ? issues : []).map((issue) => {
      const { message, path } = issue as { message?: unknown; path?: unknown };
      const where = Array.isArray(path) && path.length > 0 ? `${path.join(".")}: ` : "";
      return typeof message === "string" ? where + message : undefined;
    });
    return sentences.filter((sentence) => sentence !== undefined).join("; ");
  } catch {
    return "it has not the form it should have";
  }
}
