/**
 * Runs every behaviour through one implementation on this runtime, `node main.ts weir` or `node main.ts own`, and prints
 * one line of JSON: by name, "pass" or what was seen instead.
 */
import { createClient } from "@weir/fetch"
import { startPeer } from "./Spec.ts"
import { specs } from "./standard/index.ts"

/** Nothing here takes so long, unless it hangs. */
const millisMax = 5000

await using peer = await startPeer()
const outcomes: Record<string, string> = {}
for (const { check, says } of specs) {
  const client = createClient()
  const fetch = process.argv[2] === "own" ? globalThis.fetch : client.fetch
  const late = Promise.withResolvers<string>()
  const timer = setTimeout(() => late.resolve("hangs"), millisMax)
  const outcome = check({ fetch, at: peer.at }).then(
    () => "pass",
    (error: unknown) => (error instanceof Error ? error.message.split("\n", 1).join() : String(error))
  )
  outcomes[says] = await Promise.race([outcome, late.promise])
  clearTimeout(timer)
  await client.close(0)
}
console.log(JSON.stringify(outcomes))
await peer[Symbol.asyncDispose]()
// What hangs must not keep the process.
process.exit()
