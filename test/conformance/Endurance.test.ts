/**
 * Thousands of connects, given up or closed, leave nothing behind. `CYCLES=100000` asks for more of them.
 */

import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { EnduranceReport } from "./Endurance.ts"
import { canCountSockets } from "./openSockets.ts"
import { makePeer, usePeers } from "./peer/Peer.ts"
import { firstLineOf, runtimeCommand } from "./programs.ts"
import { runtime } from "./runtime.ts"
import { certificates, serverTls } from "./secured.ts"

usePeers()

const { CYCLES = "2000" } = process.env
const cycleCount = Number(CYCLES)
const millisPerCycleMax = 30

/** Deno opens a pair of sockets for itself, once, some time after it has started. */
const ownDescriptorCountMax = runtime === "deno" ? 2 : 0

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
        assert.isAtMost(report.leftCount, ownDescriptorCountMax)
        assert.strictEqual(report.outcomeCounts.failed, 0)
        assert.isAbove(report.outcomeCounts.interrupted, 0)
        assert.isAtLeast(report.outcomeCounts.opened, cycleCount / 2)
        // From the middle on: by then the runtime's own heap has found its size.
        const growthMegabytes = (report.megabytes.at(-1) ?? Number.NaN) - (report.megabytes[4] ?? 0)
        assert.isBelow(growthMegabytes, 24, `megabytes: ${report.megabytes.join(", ")}`)
      }),
    20_000 + cycleCount * millisPerCycleMax
  )
})
