/**
 * Over whose sockets the package works.
 */
import { Effect } from "effect"
import { expect, it } from "vitest"
import { platform } from "#platform"

const runtime = "Bun" in globalThis ? "bun" : "Deno" in globalThis ? "deno" : "node"

it("connects by the sockets of the runtime it runs on", () => {
  expect(Effect.runSync(platform.make()).runtime).toBe(runtime)
})
