/**
 * Thousands of connects, given up or closed, leave nothing behind: the short form of `npm run connects`.
 */
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { canCountSockets } from "../support/openSockets.ts"
import { type EnduranceReport, faultsIn } from "./EnduranceReport.ts"
import { makePeer, usePeers } from "./peer/Peer.ts"
import { firstLineOf, runtimeCommand } from "./programs.ts"
import { runtime } from "./runtime.ts"
import { certificates, serverTls } from "./secured.ts"

usePeers()

const cycleCount = 2000
const minuteMillis = 60_000

describe("cycles of connects, given up or closed", () => {
  it.live.skipIf(!canCountSockets)(
    "leave no descriptor open and no memory taken",
    () =>
      Effect.gen(function* () {
        const plain = yield* makePeer({ greeting: "absorb" })
        const secure = yield* makePeer({ greeting: "absorb", tls: serverTls })
        const [command, ...commandArguments] = runtimeCommand
        const program = fileURLToPath(new URL("Endurance.ts", import.meta.url))
        const line = yield* firstLineOf(
          command,
          [...commandArguments, program, String(plain.port), String(secure.port), String(cycleCount)],
          { CA: certificates.ca }
        )
        const report: EnduranceReport = JSON.parse(line)
        assert.deepStrictEqual(faultsIn(report, runtime), [], line)
      }),
    minuteMillis
  )
})
