/** Answers kept for requests that are asked again, in the memory engine. */
import type { MemoryCatalogData } from "./memory_tables.ts";

export class MemoryAnswers {
  constructor(protected readonly data: MemoryCatalogData) {}

  answer(key: string): string | undefined {
    const number = this.data.answerNumbers.get(key);
    return number === undefined ? undefined : this.data.answers.get(number)?.text;
  }

  answers(): [string, string][] {
    return [...this.data.answers.entries()].map(([, { key, text }]) => [key, text]);
  }

  putAnswer(key: string, text: string, most: number): void {
    const { answers, answerNumbers } = this.data;
    const number = (answers.lastKey() ?? 0) + 1;
    const before = answerNumbers.get(key);
    if (before !== undefined) answers.delete(before);
    answers.set(number, { key, text });
    answerNumbers.set(key, number);
    for (const [oldest, row] of answers.page(undefined, answers.size)) {
      if (oldest > number - most) break;
      answers.delete(oldest);
      answerNumbers.delete(row.key);
    }
  }
}
