/** Answers kept for requests that are asked again, in the SQLite engine. */
import { bytesOf, type SqliteConnection } from "./sqlite_connection.ts";

export class SqliteAnswers {
  constructor(protected readonly connection: SqliteConnection) {}

  answer(key: string): string | undefined {
    const sql = "SELECT text FROM answers WHERE key = ?";
    return this.connection.get(sql, bytesOf(key))?.text("text");
  }

  answers(): [string, string][] {
    return this.connection.all("SELECT key, text FROM answers ORDER BY number")
      .map((row) => [row.hex("key"), row.text("text")]);
  }

  putAnswer(key: string, text: string, most: number): void {
    // A row that is replaced gets the next number: only the oldest go, so the highest stays.
    const number = this.connection.insert(
      `INSERT OR REPLACE INTO answers (number, key, text)
       VALUES ((SELECT coalesce(max(number), 0) + 1 FROM answers), ?, ?)`,
      bytesOf(key),
      text,
    );
    this.connection.run("DELETE FROM answers WHERE number <= ?", number - most);
  }
}
