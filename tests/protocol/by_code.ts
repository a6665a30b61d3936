/** Joins and logs in by a code, for tests that call the tracker's routes themselves. */
import {
  aboutJoin,
  aboutLogin,
  asFault,
  ClusterId,
  type CodeClaims,
  codeFault,
  type Connection,
  proverOfCode,
  readCode,
  sealUnderCode,
  SecretKey,
  type SeederId,
  type trackerRoutes,
  unsealUnderCode,
} from "../../protocol/mod.ts";

type Tracker = Connection<typeof trackerRoutes>;

let drawn = 0;

/** Hex digits that nobody drew before. */
const draw = (digits: number) => (++drawn).toString(16).padStart(digits, "0");

/** What a code says, less what this test cares about. */
export function claims(
  more: Pick<CodeClaims, "purpose" | "expiresMs"> & Partial<CodeClaims>,
): CodeClaims {
  const clusterId = ClusterId.parse("00000000000000cc");
  return { tracker: "http://127.0.0.1:8470", clusterId, uses: 1, salt: draw(16), ...more };
}

export async function loginBy(tracker: Tracker, line: string, nonce = draw(32)) {
  const { text, codeId, secret } = readCode(line);
  const prover = proverOfCode({ codeId, secret }, draw(32));
  const { clusterId, user, sealedToken } = await proved(tracker.login({ text, nonce }, { prover }));
  return { user, token: unsealUnderCode(secret, sealedToken, aboutLogin(clusterId, nonce)) };
}

export interface Joining {
  readonly seederId: SeederId;
  readonly attempt: SecretKey;
  readonly generation: number;
  readonly name: string;
  readonly zone?: string;
  readonly capacityBytes: number;
  readonly advertised: { readonly port: number; readonly host?: string };
}

export async function joinBy(tracker: Tracker, line: string, { attempt, ...joining }: Joining) {
  const { text, codeId, secret } = readCode(line);
  const prover = proverOfCode({ codeId, secret }, draw(32));
  const { seederId } = joining;
  const sealedAttempt = sealUnderCode(secret, draw(24), seederId, attempt);
  const reply = await proved(tracker.join({ text, sealedAttempt, ...joining }, { prover }));
  const { clusterId, generation, sealedKey } = reply;
  const about = aboutJoin(clusterId, seederId, generation);
  return { generation, seederKey: SecretKey.parse(unsealUnderCode(secret, sealedKey, about)) };
}

async function proved<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw codeFault(asFault(error));
  }
}
