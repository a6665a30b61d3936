import { Fault } from "../../../protocol/mod.ts";
import assert from "node:assert/strict";
import { programSpec, readSettings } from "../../../roles/client/settings.ts";
import { parseCommandLine } from "../../../roles/kit/command_line.ts";

function settingsOf(words: string[], environment: Record<string, string>) {
  const run = parseCommandLine(programSpec, words, environment);
  assert(run.kind === "run");
  return readSettings(run, environment);
}

Deno.test("readSettings keeps the state where the person or XDG says", () => {
  const state = (words: string[], environment: Record<string, string>) =>
    settingsOf(words, environment).stateDirectory;
  assert.equal(state([], { HOME: "/h" }), "/h/.local/state/offshore");
  assert.equal(state([], { HOME: "/h", XDG_STATE_HOME: "/x" }), "/x/offshore");
  // The specification says to ignore a relative one.
  assert.equal(state([], { HOME: "/h", XDG_STATE_HOME: "x" }), "/h/.local/state/offshore");
  assert.equal(state([], { HOME: "/h", OFFSHORE_STATE: "/s" }), "/s");
  assert.equal(state(["--state", "/f"], { OFFSHORE_STATE: "/s" }), "/f");
});

Deno.test("readSettings takes each flag from the environment as well", () => {
  const settings = settingsOf(["ls"], {
    OFFSHORE_TRACKER: "http://t:1",
    OFFSHORE_LOGIN_CODE: "code",
    OFFSHORE_LOGIN_CODE_FILE: "/file",
    OFFSHORE_JSON: "1",
    OFFSHORE_LOG_LEVEL: "debug",
    HOME: "/h",
  });
  assert.deepEqual(settings, {
    json: true,
    tracker: "http://t:1",
    loginCode: "code",
    loginCodeFile: "/file",
    stateDirectory: "/h/.local/state/offshore",
    logLevel: "debug",
  });
  // On the command line anybody on the machine could read it.
  assert.throws(() => settingsOf(["--login-code", "offshore-login-x", "ls"], {}), (fault) => {
    assert(fault instanceof Fault && fault.code === "usage");
    assert.doesNotMatch(fault.message, /offshore-login-x/);
    return /offshore login/.test(fault.next);
  });
  assert.throws(() => settingsOf(["ls"], { OFFSHORE_TRACKER: "t" }), /OFFSHORE_TRACKER is "t"/);
});
