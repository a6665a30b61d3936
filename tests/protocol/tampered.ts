/** Every text that differs from a signed one in a single place: what a forger tries first. */

/**
 * Each character replaced (by three others), dropped and doubled, and the text with one appended.
 */
export function* tampered(text: string): Generator<string> {
  for (let index = 0; index < text.length; index++) {
    const before = text.slice(0, index), here = text[index] ?? "", after = text.slice(index + 1);
    for (const other of ["0", "A", "z", "-", "."]) {
      if (other !== here) yield before + other + after;
    }
    const flipped = here === here.toLowerCase() ? here.toUpperCase() : here.toLowerCase();
    if (flipped !== here) yield before + flipped + after;
    if (before + after !== text) yield before + after;
    yield before + here + here + after;
  }
  yield text + "0";
  yield "0" + text;
}
