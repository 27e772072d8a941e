import { readFileSync } from "node:fs"
import { expect, it } from "vitest"

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8")

it("is introduced by an example that runs, shown to the letter", () => {
  const shown = /```ts test\/example\.test\.ts\n([\s\S]*?)```/.exec(read("../README.md"))
  expect(shown?.[1]).toBe(read("example.test.ts"))
})
