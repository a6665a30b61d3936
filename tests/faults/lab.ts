/**
 * A small network in this machine: hosts with an address each on one bridge, in mount, network and
 * pid namespaces of the lab's own. Links are cut, packets dropped, disks mounted and processes
 * started in it from outside. When the lab is disposed of, or this process dies, the kernel ends
 * everything that runs in it.
 *
 * It knows hosts and processes; what a tracker or a seeder is, `lab_cluster.ts` knows.
 */
import assert from "node:assert/strict";

const script = new URL("netlab.sh", import.meta.url).pathname;
const decoder = new TextDecoder();

/** An ordinary user gets a user namespace as well, in which it may do all of this. */
const asRoot = Deno.build.os === "linux" && Deno.uid() === 0;
const userFlags = asRoot ? [] : ["-U", "-r"];
const joinFlags = asRoot ? [] : ["-U", "--preserve-credentials"];
const labFlags = [
  ...userFlags,
  ..."-m -n -p --fork --kill-child --mount-proc --propagation private".split(" "),
];

async function output(program: string, args: readonly string[]) {
  const command = new Deno.Command(program, { args: [...args], stdin: "null" });
  const { code, stdout, stderr } = await command.output();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** Why no lab can be had here; undefined where it can. */
export async function labProblem(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "no Linux";
  for (const tool of ["unshare", "nsenter", "ip", "iptables", "mount"]) {
    const { code } = await output("sh", ["-c", `command -v ${tool}`]);
    if (code !== 0) return `no ${tool} (apt-get install iproute2 iptables util-linux)`;
  }
  const tried = await output("unshare", [...labFlags, "true"]);
  return tried.code === 0 ? undefined : `no right to make namespaces: ${tried.err.trim()}`;
}

async function childOf(pid: number): Promise<number> {
  const children = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
  return Number(children.trim().split(" ")[0]);
}

/** A process in the lab, under a parent outside that waits for it. */
export class LabProcess {
  private constructor(readonly parent: Deno.ChildProcess, readonly pid: number) {}

  static async of(parent: Deno.ChildProcess): Promise<LabProcess> {
    for (let tries = 0; tries < 2_000; tries++) {
      const pid = await childOf(parent.pid).catch(() => 0);
      if (pid > 0) return new LabProcess(parent, pid);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`process ${parent.pid} began nothing in the lab`);
  }

  signal(signal: Deno.Signal): void {
    Deno.kill(this.pid, signal);
    // nsenter stops itself when its child is stopped, and then does not see that it goes on.
    if (signal === "SIGCONT" || signal === "SIGKILL") this.parent.kill("SIGCONT");
  }

  /** Sends the signal and waits for the end. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<number> {
    this.signal(signal);
    return (await this.parent.status).code;
  }
}

export class Lab implements AsyncDisposable {
  readonly #addresses = new Map<string, string>();

  /** Leaves the folder with disks and logs where it is, for somebody to look at. */
  keep = false;

  private constructor(
    private readonly process: Deno.ChildProcess,
    private readonly initPid: number,
    /** A folder of its own; mounts made in the lab are seen under `insideOf`. */
    readonly directory: string,
  ) {}

  static async start(hosts: Readonly<Record<string, string>>): Promise<Lab> {
    const directory = await Deno.makeTempDir({ prefix: "offshore-lab-" });
    const process = new Deno.Command("unshare", {
      args: [...labFlags, "sh", script, "lab"],
      stdin: "piped",
      stdout: "piped",
      // When it ends it complains of a signal mask.
      stderr: "null",
    }).spawn();
    const reader = process.stdout.getReader();
    const first = await reader.read();
    assert.equal(decoder.decode(first.value), "ready\n", "the lab did not start");
    const lab = new Lab(process, await childOf(process.pid), directory);
    for (const [name, address] of Object.entries(hosts)) await lab.addHost(name, address);
    return lab;
  }

  async addHost(name: string, address: string): Promise<void> {
    await this.run(["sh", script, "host", name, address]);
    await Deno.mkdir(`${this.directory}/${name}`);
    this.#addresses.set(name, address);
  }

  addressOf(name: string): string {
    const address = this.#addresses.get(name);
    assert(address !== undefined, `there is no host ${name}`);
    return address;
  }

  /** A path of the lab as this process reaches it, through mounts made in the lab. */
  insideOf(path: string): string {
    return `/proc/${this.initPid}/root${path}`;
  }

  #words(host: string | undefined, words: readonly string[]): string[] {
    const join = ["-t", String(this.initPid), ...joinFlags, "-m", "-n", "-p"];
    return host === undefined
      ? [...join, ...words]
      : [...join, "nsenter", `--net=/run/netns/${host}`, ...words];
  }

  /** A command in the lab, or on one of its hosts, that must succeed. */
  async run(words: readonly string[], host?: string): Promise<string> {
    const { code, out, err } = await output("nsenter", this.#words(host, words));
    assert.equal(code, 0, `${words.join(" ")}: ${err}`);
    return out;
  }

  /** Starts a process on a host, or beside them all on the bridge. */
  async spawn(
    words: readonly string[],
    options: { host?: string; env?: Record<string, string> } = {},
  ): Promise<LabProcess> {
    const parent = new Deno.Command("nsenter", {
      args: this.#words(options.host, words),
      env: options.env ?? {},
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    return await LabProcess.of(parent);
  }

  /** The cable is pulled: packets vanish, nobody is told. */
  async cut(name: string): Promise<void> {
    await this.run(["ip", "link", "set", `v-${name}`, "down"]);
  }

  async mend(name: string): Promise<void> {
    await this.run(["ip", "link", "set", `v-${name}`, "up"]);
  }

  #filter(name: string, ...words: string[]): Promise<string> {
    return this.run(["iptables", "-w", ...words], name);
  }

  /** What `from` sends to `to` vanishes; the other way is open. */
  async block(from: string, to: string): Promise<void> {
    await this.#filter(to, "-A", "INPUT", "-s", this.addressOf(from), "-j", "DROP");
  }

  /** Of what comes in and goes out, this share vanishes. */
  async lose(name: string, share: number): Promise<void> {
    const lossy = ["-m", "statistic", "--mode", "random", "--probability", String(share)];
    await this.#filter(name, "-A", "INPUT", ...lossy, "-j", "DROP");
    await this.#filter(name, "-A", "OUTPUT", ...lossy, "-j", "DROP");
  }

  /** Nothing is blocked or lost at this host any more. */
  async clear(name: string): Promise<void> {
    await this.#filter(name, "-F");
  }

  /** A disk in memory, of this size, under a host's folder. */
  async memoryDisk(name: string, mebibytes: number): Promise<void> {
    const where = `${this.directory}/${name}`;
    await this.run(["mount", "-t", "tmpfs", "-o", `size=${mebibytes}m`, "none", where]);
  }

  /** A file with a file system in it, mounted through a loop device. */
  async loopDisk(name: string, mebibytes: number): Promise<void> {
    if (!asRoot) {
      console.error(`\nNOT TESTED, loop devices: they need root; ${name} gets a disk in memory\n`);
      return await this.memoryDisk(name, mebibytes);
    }
    const image = `${this.directory}/${name}.img`;
    await this.run(["truncate", "-s", `${mebibytes}M`, image]);
    await this.run(["mkfs.ext4", "-q", "-m", "0", image]);
    await this.run(["mount", "-o", "loop", image, `${this.directory}/${name}`]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    Deno.kill(this.initPid, "SIGKILL");
    await this.process.stdin.close().catch(() => {});
    await this.process.status;
    await this.process.stdout.cancel().catch(() => {});
    if (this.keep) return console.error(`disks and logs are left in ${this.directory}`);
    await Deno.remove(this.directory, { recursive: true });
  }
}
