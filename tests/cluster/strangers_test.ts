/**
 * Strangers' connections against real processes, while others upload: half-sent heads, bodies that
 * drip, and large bodies nobody asked for. People's commands come to their end while all of them
 * hold on, and the roles close what shows no whole head.
 */
import assert from "node:assert/strict";
import { limits } from "../../protocol/mod.ts";
import { sha256sum, TestCluster, until } from "./cluster.ts";

/** One connection that sends a byte every second until the other side ends it. */
class Dripping {
  ended = false;
  heard = "";
  readonly #done: Promise<void>;

  private constructor(private readonly connection: Deno.Conn, readonly kind: string) {
    const reading = this.#read(), writing = this.#write();
    this.#done = Promise.allSettled([reading, writing]).then(() => {});
  }

  static async open(url: string, kind: string, text: string): Promise<Dripping> {
    const { hostname, port } = new URL(url);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    await connection.write(new TextEncoder().encode(text));
    return new Dripping(connection, kind);
  }

  async #read(): Promise<void> {
    const part = new Uint8Array(1000);
    try {
      for (let count = await this.connection.read(part); count !== null;) {
        this.heard += new TextDecoder().decode(part.subarray(0, count));
        count = await this.connection.read(part);
      }
    } finally {
      this.ended = true;
    }
  }

  async #write(): Promise<void> {
    while (!this.ended) {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      if (!this.ended) await this.connection.write(new TextEncoder().encode("x"));
    }
  }

  async close(): Promise<void> {
    this.ended = true;
    try {
      this.connection.close();
    } catch {
      // The other side was first.
    }
    await this.#done;
  }
}

const head = (method: string, path: string, lines: readonly string[]) =>
  [
    `${method} ${path} HTTP/1.1`,
    "host: x",
    `offshore-protocol: ${limits.protocolVersion}`,
    ...lines,
    "",
    "",
  ].join("\r\n");

const long = `content-length: ${8 * 1024 * 1024}`;
const leave = `offshore-leave: abc.${"A".repeat(43)}`;
const chunk = ["offshore-chunk: " + "ab".repeat(32), "offshore-size: 5000"];

/** What each stranger sends, to the tracker and to every seeder. */
const attacks: Record<string, string> = {
  "a batch that drips": head("POST", "/v1/chunks", [long]),
  "a batch that drips, with a leave of its own making": head("POST", "/v1/chunks", [
    ...[long, leave, ...chunk],
  ]),
  "a chunk that drips": head("PUT", `/v1/chunks/${"ab".repeat(32)}?size=5000`, [long, leave]),
  "a report that drips": head("POST", "/v1/seeders/heartbeat", [long, "authorization: Bearer x"]),
  "a login that drips": head("POST", "/v1/login", ["content-length: 4000"]),
  "half a head": "POST /v1/chunks HTTP/1.1\r\nhost: x\r\nx: ",
};

Deno.test("strangers who hold 24 connections to every role keep no upload waiting", async () => {
  await using cluster = await TestCluster.start();
  const local = `${cluster.directory}/local`, back = `${cluster.directory}/back`;
  await Deno.mkdir(local);
  for (let i = 0; i < 30; i++) {
    await Deno.writeFile(`${local}/small-${i}`, crypto.getRandomValues(new Uint8Array(5_000)));
  }
  const strangers: Dripping[] = [];
  let over = false;
  // As soon as one is sent away the next one comes.
  const siege = async (url: string, kind: string, text: string) => {
    while (!over) {
      const stranger = await Dripping.open(url, kind, text);
      strangers.push(stranger);
      await until(`${kind} is over`, () => stranger.ended || over, 600_000);
      await stranger.close();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };
  const urls = ["tracker", ...cluster.seeders].map((name) => cluster.urlOf(name));
  const sieges = urls.flatMap((url) =>
    Object.entries(attacks).flatMap(([kind, text]) =>
      Array.from({ length: 4 }, () => siege(url, kind, text))
    )
  );
  try {
    await until("all strangers are there", () => strangers.length >= sieges.length);
    await cluster.ok(["put", "-r", local, "/tree"]);
    await cluster.ok(["get", "-r", "/tree", back]);
    for (let i = 0; i < 30; i++) {
      const name = `small-${i}`;
      assert.equal(await sha256sum(`${back}/${name}`), await sha256sum(`${local}/${name}`));
    }
    await until(
      "every half head was given up",
      () => strangers.some(({ kind, ended }) => kind === "half a head" && ended),
    );
    const answers = strangers.filter(({ kind }) => kind.startsWith("a batch"))
      .map(({ heard }) => heard.slice(0, 12)).filter((heard) => heard !== "");
    assert(answers.length > 0, "batches were refused");
    assert(answers.every((heard) => /^HTTP\/1.1 4/.test(heard)), answers.join());
    const status = await cluster.status();
    assert(status.seeders.every(({ state }) => state === "green"), "heartbeats go on");
  } finally {
    over = true;
    await Promise.allSettled(sieges);
    for (const stranger of strangers) await stranger.close();
  }
});
