/** Dice as a thing passed in: the simulator's fall the same way for the same seed. */
export interface Random {
  /** `count` random bytes. The system's are fit for keys. */
  bytes(count: number): Uint8Array<ArrayBuffer>;
  /** Uniform in [0, 1). */
  unit(): number;
}

export function systemRandom(): Random {
  const unitOf = new Uint32Array(1);
  return {
    bytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
    unit: () => (crypto.getRandomValues(unitOf)[0] ?? 0) / 2 ** 32,
  };
}

/**
 * Repeatable dice: xoshiro128** (Blackman and Vigna, 2018, prng.di.unimi.it), its state filled from
 * `seed` by splitmix32. Not fit for keys.
 */
export function seededRandom(seed: number): Random {
  let filler = seed >>> 0;
  const fill = () => {
    filler = (filler + 0x9e3779b9) >>> 0;
    let z = filler;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  let a = fill(), b = fill(), c = fill(), d = fill();
  const rotate = (x: number, k: number) => (x << k) | (x >>> (32 - k));
  const next = () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotate(d, 11);
    return result;
  };
  return {
    bytes: (count) => Uint8Array.from({ length: count }, () => next() & 0xff),
    unit: () => next() / 2 ** 32,
  };
}

/** `digits` hex digits, an even number. */
export function randomHex(random: Random, digits: number): string {
  return random.bytes(digits / 2).toHex();
}

/** An integer in [low, high]. */
export function randomInt(random: Random, low: number, high: number): number {
  return low + Math.floor(random.unit() * (high - low + 1));
}

/** A copy of `items` in random order (Fisher and Yates). */
export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = randomInt(random, 0, i);
    const moved = result[i] as T;
    result[i] = result[j] as T;
    result[j] = moved;
  }
  return result;
}
