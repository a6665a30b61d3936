/** Sizes as people read them, in the messages of every role. */

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/** `1.5 MiB`: three digits, or all of them where there are more before the point. */
export function sizeText(bytes: number): string {
  let value = bytes, unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : Number(value.toPrecision(3))} ${units[unit]}`;
}
