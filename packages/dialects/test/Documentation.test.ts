import { expect, it } from "vitest"
import { dialects, toMarkdown } from "../src/index.ts"

// `vitest run packages/dialects -u` writes the page anew.
it("shows every key of every table on the page for readers", async () => {
  await expect(toMarkdown(dialects)).toMatchFileSnapshot("../../../docs/dialects.md")
})
