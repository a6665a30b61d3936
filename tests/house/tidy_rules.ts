/**
 * The house rules as pure functions from a file's name and text to complaints. Each complaint says
 * what to write instead. Which files are looked at, and which are excused, is `tidy_test.ts` and
 * `excuses.ts`; arrows between rooms are `arrows_lint.ts`. What the compiler, the formatter and the
 * linter already see is not repeated here, but for `any`, which must not depend on a linter's
 * setting.
 */
import { arrowProblem } from "./arrows_lint.ts";

export interface Complaint {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

export const linesMax = 400;
export const columnsMax = 100;

interface Ban {
  readonly rule: string;
  readonly pattern: RegExp;
  /** What to write instead. */
  readonly instead: string;
  /** True where comments are looked at as well. */
  readonly inComments?: true;
}

/** Calls by which a role would reach time, dice, network or disk behind the simulator's back. */
const outsideBans: readonly Ban[] = [
  {
    rule: "time",
    pattern: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/,
    instead: "pass a Clock in and call clock.now()",
  },
  {
    rule: "timers",
    pattern: /\bset(Timeout|Interval|Immediate)\s*\(/,
    instead: "pass a Clock in and await clock.sleep(ms, signal)",
  },
  {
    rule: "deadlines",
    pattern: /\bAbortSignal\.timeout\b/,
    instead: "use withDeadline of roles/kit/clock.ts",
  },
  {
    rule: "dice",
    pattern: /\bMath\.random\b|\bcrypto\.(getRandomValues|randomUUID)\b|\brandom(Bytes|UUID)\(/,
    instead: "pass a Random in and call random.unit() or random.bytes()",
  },
  {
    rule: "subtle",
    pattern: /\bcrypto\.subtle\b|\bsubtle\.digest\b/,
    instead: "hash with protocol/digest.ts, which is synchronous (docs/decisions/0003)",
  },
  {
    rule: "fetch",
    pattern: /(?<![.#\w])fetch\s*\(|\bglobalThis\.fetch\b/,
    instead: "pass a Transport in and call through connect() of protocol/wire.ts",
  },
  {
    rule: "files",
    pattern: /\bDeno\.\w+|["']node:(fs|net|http|https|child_process|os)(\/\w+)?["']/,
    instead: "pass a Disk in, or move it behind one of the doors named in tests/house/excuses.ts",
  },
  {
    rule: "console",
    pattern: /\bconsole\.\w+/,
    instead: "pass a Log in, or write to the client's terminal",
  },
];

const everywhereBans: readonly Ban[] = [
  {
    rule: "any",
    pattern: /\bas an[y]\b|:\s*an[y]\s*[,;)=>\]}|&]|<an[y]>/,
    instead: "use unknown and a schema",
  },
  {
    rule: "ignore",
    inComments: true,
    pattern: /@ts-(?:ignore|nocheck|expect-error)|deno-(?:lint|fmt)-ignore/,
    instead: "correct what the tool complains about",
  },
  {
    rule: "leftover",
    inComments: true,
    pattern: new RegExp(
      `\\b(${["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"].join("|")})\\b`,
    ),
    instead: "finish it, or write a decision note in docs/decisions/",
  },
  {
    rule: "only",
    pattern: /\bDeno\.test\.(only|ignore)\b|\b(only|ignore): true\b/,
    instead: "let every test run",
  },
  {
    rule: "zod",
    pattern: /import \{[^}]*\bz\b[^}]*\} from "zo[d]"|import z from "zo[d]"/,
    instead: 'write import * as z from "zod", so that the bundle holds what is used',
  },
];

/** Names that say nothing about what is inside. */
const emptyNames = /(^|[/_])(utils?|helpers?|common|misc|stuff|manager)(_test)?\.ts$/;

/** The text with comments blanked out, line for line; strings and templates are kept. */
export function withoutComments(text: string): string {
  const token =
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[^]*?\*\//g;
  return text.replace(
    token,
    (all, string: string | undefined) => string ?? all.replace(/[^\n]/g, " "),
  );
}

/** As `withoutComments`, and what stands in quotes is blanked too, so that prose is not code. */
function withoutQuoted(code: string): string {
  return code.replace(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, '""');
}

/** What a ban looks at of a line without its comments: a ban on a module reads the quoted name. */
function partOf(ban: Ban, line: string): string {
  return ban.rule === "files" || ban.rule === "zod" ? line : withoutQuoted(line);
}

function inRole(file: string): boolean {
  return /^(protocol|roles)\//.test(file);
}

/**
 * What is wrong with one file, read alone.
 * @param file from the root of the repository, as in "roles/kit/clock.ts"
 * @param isDoor whether the file is one of the few that may reach the system
 */
export function complaintsAbout(file: string, text: string, isDoor: boolean): Complaint[] {
  const found: Complaint[] = [];
  const complain = (line: number, rule: string, message: string) =>
    found.push({ file, line, rule, message });
  const lines = text.split("\n"), code = withoutComments(text).split("\n");

  if (lines.length - 1 > linesMax) {
    const message = `${lines.length - 1} lines, more than ${linesMax}: find its second idea`;
    complain(linesMax, "length", message);
  }
  if (emptyNames.test(file)) complain(1, "name", "name the file after the idea it holds");
  if (!file.endsWith("_test.ts") && !/^(#!.*\n)?\/\*\*/.test(text)) {
    complain(
      1,
      "header",
      "begin with a comment: what is in here, its one idea, what it does not do",
    );
  }
  lines.forEach((line, i) => {
    // A test is named by a sentence, and a sentence is not broken.
    const isName = /^\s*(Deno\.test|await t\.step|test)\("/.test(line);
    if ([...line].length > columnsMax && !isName) {
      complain(
        i + 1,
        "width",
        `${[...line].length} columns, more than ${columnsMax}: break the line`,
      );
    }
    for (const ban of everywhereBans) {
      const match = ban.pattern.exec(ban.inComments ? line : partOf(ban, code[i] ?? ""));
      if (match !== null) complain(i + 1, ban.rule, `"${match[0]}": ${ban.instead}`);
    }
    if (!inRole(file) || isDoor) return;
    for (const ban of outsideBans) {
      const match = ban.pattern.exec(partOf(ban, code[i] ?? ""));
      if (match !== null) complain(i + 1, ban.rule, `"${match[0]}": ${ban.instead}`);
    }
  });
  for (const { source, line } of importsOf(text)) {
    const problem = arrowProblem(`/${file}`, source);
    if (problem !== undefined) complain(line, "arrows", `imports "${source}": ${problem}`);
  }
  return found;
}

/** Every module a file names, in import, export and dynamic import, with the line it stands on. */
export function importsOf(text: string): { source: string; line: number }[] {
  const code = withoutComments(text);
  const pattern = /(?:\bfrom|^\s*import|\bimport\s*\()\s*"([^"\n]+)"|new URL\("(\.[^"\n]+)"/gm;
  return [...code.matchAll(pattern)].map((match) => ({
    source: match[1] ?? match[2] ?? "",
    line: code.slice(0, match.index + match[0].length).split("\n").length,
  }));
}

/** Source files of the roles and the protocol that no other source file imports. */
export function unimported(files: ReadonlyMap<string, string>): string[] {
  const reached = new Set<string>();
  for (const [file, text] of files) {
    if (file.startsWith("tests/")) continue;
    for (const { source } of importsOf(text)) {
      if (!source.startsWith(".")) continue;
      const target = new URL(source, `file:///${file}`).pathname.slice(1);
      if (target !== file) reached.add(target);
    }
  }
  return [...files.keys()].filter((file) => inRole(file) && !reached.has(file)).sort();
}

/**
 * Source files without a test of the same name: `tests/` and the file's own path, ending in
 * `_test.ts`, or one that goes on after the name (`trust_codes_test.ts` is a test of `trust.ts`); a
 * suite in `tests/conformance/` counts for the interface it is named after.
 */
export function untested(files: ReadonlyMap<string, string>): string[] {
  const tests = [...files.keys()].filter((file) => /^tests\/.*_test\.ts$/.test(file));
  const isTested = (file: string) => {
    const stem = file.replace(/\.ts$/, "");
    const name = stem.slice(stem.lastIndexOf("/") + 1);
    return tests.some((test) =>
      test === `tests/${stem}_test.ts` || test.startsWith(`tests/${stem}_`) ||
      test === `tests/conformance/${name}_test.ts`
    );
  };
  return [...files.keys()].filter((file) => inRole(file) && !isTested(file)).sort();
}
