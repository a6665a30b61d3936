/** `login`: this person, on this machine, from now on, by a code that nobody sees being typed. */
import { Fault } from "../../../protocol/mod.ts";
import type { Command } from "../command.ts";
import { visible } from "../terminal/wording.ts";

export const login: Command = {
  spec: {
    name: "login",
    changes: "local",
    group: "Cluster",
    summary: "Log in with a code, and be remembered on this machine.",
    details:
      "It asks for the code, and shows nothing of it; what is no terminal it reads one line\n" +
      "from. Who is logged in already prints a code with login-code; so does, on the\n" +
      "tracker's machine, offshore codes.",
    examples: ["login", "ssh tracker offshore codes login | offshore login"],
  },
  completes: ["nothing"],
  run: async (context) => {
    const code = await context.askSecret("login code: ");
    if (code === undefined) {
      throw new Fault("no-credentials", "no login code was given", {
        next: "type the line that login-code prints, from offshore-login- to its end",
      });
    }
    const { user, trackerAddress } = await context.logIn(code);
    if (context.json) return await context.printJson({ user, tracker: trackerAddress });
    await context.print(`logged in as ${visible(user)} at ${trackerAddress}`);
  },
};
