/** Keys at the wrong moment, in a real terminal: nothing runs that was not meant. */
import assert from "node:assert/strict";
import { mainModule } from "../cluster/cluster.ts";
import { Screen } from "./screen.ts";

Deno.test("what is typed ahead, pasted, cancelled or ended in a terminal harms nobody", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "offshore-typing-" });
  try {
    const noise = await new Deno.Command("head", { args: ["-c", "300000000", "/dev/urandom"] })
      .output();
    await Deno.writeFile(`${folder}/big`, noise.stdout);
    const up = `${Deno.execPath()} run -A --quiet ${mainModule} up --port 0 --seeders 2`;
    const command = `${up}; echo "ended: $?"; cat`;
    await using screen = await Screen.open(folder, command);
    await screen.shows(/offshore:\/\$ *$/m);

    await t.step("a line begun while a command runs goes on where it was", async () => {
      await screen.type("put big /big");
      await screen.shows(/\d %/);
      await screen.tmux("send-keys", "-l", "ls -l /bi");
      await screen.shows(/put: \/big, 286 MiB sent/);
      await screen.tmux("send-keys", "-l", "g ");
      await screen.shows(/offshore:\/\$ ls -l \/big *$/m);
      await screen.keys("Enter");
      await screen.shows(/^-rw-r--r-- .* big$/m);
    });
    await t.step(
      "Ctrl-D during a transfer ends nothing, and at the prompt says what does",
      async () => {
        await screen.type("rm --now /big");
        await screen.type("put big /second");
        await screen.shows(/\d %/);
        await screen.keys("C-d");
        await screen.shows(/put: \/second, .*/);
        await screen.keys("C-d");
        await screen.shows(/type exit to leave\n+offshore:\/\$ *$/m);
        await screen.tmux("send-keys", "-l", "pwdx");
        await screen.keys("Left");
        await screen.keys("C-d");
        await screen.keys("Enter");
        await screen.shows(/^\/$/m);
      },
    );
    await t.step("Ctrl-C drops the lines that wait, and the one half-typed", async () => {
      await screen.type("rm --now /second");
      await screen.paste("put big /third\nmkdir /never\nmkdir /half");
      await screen.shows(/\d %/);
      await screen.keys("C-c");
      await screen.shows(/put: cancelled/);
      await screen.type("mkdir /after-cancel");
      await screen.type("ls -1 /");
      await screen.shows(/^after-cancel$/m);
      assert.doesNotMatch(await screen.text(), /^(never|half.*)$/m);
    });
    await t.step("a cd that fails drops the rest of a paste, however long it is", async () => {
      const rest = Array.from({ length: 3_000 }, (_, i) => `mkdir /pasted-${i}`).join("\n");
      await screen.paste(`cd /no-such-place\n${rest}\n`);
      await screen.shows(/cd: \/no-such-place is not there/);
      await screen.type("mkdir /after-paste");
      await screen.type("ls -1 /");
      await screen.shows(/^after-paste$/m);
      assert.doesNotMatch(await screen.text(), /^pasted-\d+$/m);
    });
    await t.step("exit leaves", async () => {
      await screen.type("exit");
      await screen.shows(/ended: 0/);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
