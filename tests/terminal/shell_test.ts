/**
 * The `$` shell as a person meets it: a real terminal (tmux), typed keys, and what the screen
 * shows. Skipped nowhere: `.ci/run` installs tmux.
 */
import assert from "node:assert/strict";
import { mainModule } from "../cluster/cluster.ts";
import { Screen } from "./screen.ts";

const decoder = new TextDecoder();

Deno.test("the shell is pleasant in a terminal", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "offshore-terminal-" });
  try {
    await Deno.writeTextFile(`${folder}/hello.txt`, "hello, world\n");
    await Deno.writeTextFile(`${folder}/no-end.txt`, "no line end");
    const noise = await new Deno.Command("head", { args: ["-c", "80000000", "/dev/urandom"] })
      .output();
    await Deno.writeFile(`${folder}/big`, noise.stdout);
    const command =
      `${Deno.execPath()} run -A --quiet ${mainModule} up --port 0; echo "ended: $?"; cat`;
    await using screen = await Screen.open(folder, command);
    const prompt = /offshore:\/\$ *$/m;

    await t.step("it says where things listen, and prompts", async () => {
      const text = await screen.shows(prompt);
      assert.match(text, /tracker +http:\/\/127\.0\.0\.1:\d+ +\.disks\/tracker/);
      assert.match(text, /seeder-3 +http:/);
    });
    await t.step("commands show what a Linux terminal would", async () => {
      await screen.type("mkdir /notes");
      await screen.type("put hello.txt /notes");
      await screen.shows(/put: \/notes\/hello\.txt, 13 B sent/);
      await screen.type("cd notes");
      await screen.shows(/offshore:\/notes\$ *$/m);
      await screen.type("cat hello.txt");
      await screen.shows(/^hello, world$/m);
      await screen.type("put no-end.txt /notes");
      await screen.type("cat no-end.txt");
      await screen.shows(/^no line end$/m);
      await screen.type("rm --now no-end.txt");
      await screen.type("ls -l");
      await screen.shows(/^-rw-r--r-- +13 B .* hello\.txt$/m);
    });
    await t.step("a transfer shows its progress and its end", async () => {
      await screen.type("put ../big /big");
      await screen.shows(/local-not-found|no such|not there|next:/i);
      await screen.type("put big /big");
      await screen.shows(/put: \/big, 76\.3 MiB sent in .*2 copies/);
    });
    await t.step("Tab completes remote names", async () => {
      await screen.tmux("send-keys", "-l", "cat /notes/he");
      await screen.keys("Tab");
      await screen.shows(/cat \/notes\/hello\.txt/);
      await screen.keys("C-c");
    });
    await t.step("Ctrl-C clears the line and never leaves", async () => {
      await screen.tmux("send-keys", "-l", "rm -r /notes");
      await screen.keys("C-c");
      await screen.type("cd /");
      await screen.shows(prompt);
      await screen.type("ls /notes");
      await screen.shows(/^hello\.txt$/m);
    });
    await t.step("the history comes back with the arrow", async () => {
      await screen.type("pwd");
      await screen.keys("Up");
      await screen.shows(/offshore:\/\$ pwd *$/m);
      await screen.keys("C-c");
    });
    await t.step("a code is asked for unseen, and is not in the history", async () => {
      await screen.type("login");
      await screen.shows(/login code: *$/m);
      await screen.type("offshore-login-NOBODYSEES");
      await screen.shows(/not a code that a tracker printed/);
      await screen.keys("Up");
      await screen.shows(/offshore:\/\$ login *$/m);
      await screen.keys("C-c");
      assert.doesNotMatch(await screen.text(), /NOBODYSEES/);
    });
    await t.step("mistakes are told with what to type next", async () => {
      await screen.type("frobnicate");
      await screen.shows(/unknown command 'frobnicate'[^]*next:/);
      await screen.type("get '/open");
      await screen.shows(/quote[^]*next:/);
      await screen.type("get");
      await screen.shows(/get: .*missing|missing .*argument/i);
    });
    await t.step("exit stops everything", async () => {
      await screen.type("exit");
      await screen.shows(/ended: 0/);
      const left = await new Deno.Command("pgrep", { args: ["-f", `${mainModule}.*${folder}`] })
        .output();
      assert.equal(decoder.decode(left.stdout), "");
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
