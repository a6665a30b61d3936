/** A real terminal (tmux): what it shows, and keys typed or pasted into it. */
import assert from "node:assert/strict";
import { until } from "../cluster/cluster.ts";

const decoder = new TextDecoder();

export class Screen implements AsyncDisposable {
  private constructor(readonly socket: string) {}

  static async open(folder: string, command: string): Promise<Screen> {
    const screen = new Screen(`offshore-test-${crypto.randomUUID()}`);
    await screen.tmux(
      "-f",
      "/dev/null",
      "new-session",
      "-d",
      "-x",
      "110",
      "-y",
      "40",
      "-c",
      folder,
      command,
    );
    return screen;
  }

  async tmux(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await new Deno.Command("tmux", {
      args: ["-L", this.socket, ...args],
      stdin: "null",
    }).output();
    assert.equal(code, 0, decoder.decode(stderr));
    return decoder.decode(stdout);
  }

  text(): Promise<string> {
    return this.tmux("capture-pane", "-p", "-S", "-200");
  }

  keys(...keys: string[]): Promise<string> {
    return this.tmux("send-keys", ...keys);
  }

  async type(line: string): Promise<void> {
    await this.tmux("send-keys", "-l", line);
    await this.keys("Enter");
  }

  /** As the mouse does it: all at once, marked as pasted where the program asks for that. */
  async paste(text: string): Promise<void> {
    const file = await Deno.makeTempFile({ prefix: "offshore-paste-" });
    try {
      await Deno.writeTextFile(file, text.replaceAll("\n", "\r"));
      await this.tmux("load-buffer", file);
      await this.tmux("paste-buffer", "-p", "-r");
    } finally {
      await Deno.remove(file);
    }
  }

  async shows(expected: RegExp): Promise<string> {
    let text = "";
    await until(`the screen shows ${expected}`, async () => expected.test(text = await this.text()))
      .catch((error) => assert.fail(`${error.message}\n${text}`));
    return text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Deno.Command("tmux", { args: ["-L", this.socket, "kill-server"], stderr: "null" })
      .output();
  }
}
