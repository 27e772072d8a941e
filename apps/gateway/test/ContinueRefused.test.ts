/**
 * A caller that waits for `100 Continue` and is answered without it: whether its body follows nobody can know, so that
 * the connection must end (RFC 9112 section 9.3), on each runtime the gateway starts on.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { exchangeRaw } from "./support/RawPeer.ts"
import { servingOn } from "./support/serving.ts"

expectNothingLeft()

const nobodyPort = 1

describe("a caller that was not told to send its body", () => {
  it.live.each(["node", "bun", "deno"] as const)("has its connection closed by the gateway on %s", (runtime) =>
    Effect.gen(function* () {
      const { port } = yield* servingOn(runtime, nobodyPort)
      const answer = yield* exchangeRaw(
        port,
        "POST / HTTP/1.1\r\nHost: elsewhere.test\r\nContent-Length: 100000\r\nExpect: 100-continue\r\n\r\n"
      )
      assert.match(answer, /^HTTP\/1\.1 404 Not Found\r\n.*connection: close\r\n/is)
    })
  )
})
