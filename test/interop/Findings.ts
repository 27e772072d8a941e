/**
 * What the suite saw of each server, as the table of docs/interop.md.
 */
export const columns = [
  "HTTP",
  "HEAD",
  "range",
  "304",
  "chunked",
  "trailers",
  "100-continue",
  "50 MB down",
  "50 MB up",
  "closed by the server under load"
] as const

export type Column = (typeof columns)[number]

export class Findings {
  readonly #rows = new Map<string, Map<Column, string>>()

  note(server: string, column: Column, text: string): void {
    const row = this.#rows.get(server) ?? new Map<Column, string>()
    this.#rows.set(server, row.set(column, text))
  }

  format(): string {
    const lines = [...this.#rows].map(([server, row]) => [server, ...columns.map((column) => row.get(column) ?? "")])
    return [["server", ...columns], ["server", ...columns].map(() => "---"), ...lines]
      .map((cells) => `| ${cells.join(" | ")} |`)
      .join("\n")
  }
}
