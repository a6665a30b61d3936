/** Parts of a body as one run of bytes. Reads nothing. */

type Bytes = Uint8Array<ArrayBuffer>;

export function joined(parts: readonly Bytes[]): Bytes {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
