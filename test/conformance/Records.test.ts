/**
 * Names looked up by their records, at a name server that the suite runs.
 */
import { assert, describe, it } from "@effect/vitest"
import { recordLookup } from "@weir/node/sockets"
import { Target } from "@weir/transport"
import { Duration, Effect, Fiber } from "effect"
import { makeNameServer, type Zone } from "./NameServer.ts"
import { makePeer, usePeers } from "./peer/Peer.ts"
import { makeConnector, runtime } from "./runtime.ts"

usePeers()

const loopback6 = [...Array.from({ length: 15 }, () => 0), 1]
const zone: Zone = {
  "both.test": {
    a: [
      { bytes: [127, 0, 0, 1], ttlSeconds: 77 },
      { bytes: [127, 0, 0, 2], ttlSeconds: 55 }
    ],
    aaaa: [{ bytes: loopback6, ttlSeconds: 99 }]
  },
  "old.test": { a: [{ bytes: [127, 0, 0, 1], ttlSeconds: 20 }] },
  "empty.test": {},
  "broken.test": "failure",
  "slow.test": "silence"
}

const lookup = (host: string) =>
  Effect.flatMap(makeNameServer(zone), (server) =>
    recordLookup({ servers: [server], timeoutMillis: 200, tryCount: 1 })(host)
  )

describe("a look-up of records", () => {
  it.live("gives the addresses of both families, the new one first, for the shortest of their times", () =>
    Effect.gen(function* () {
      const { addresses, timeToLive } = yield* lookup("both.test")
      assert.deepStrictEqual([addresses[0], addresses.slice(1).sort()], ["::1", ["127.0.0.1", "127.0.0.2"]])
      assert.strictEqual(Duration.toSeconds(timeToLive ?? Duration.zero), 55)
    })
  )

  it.live("is content with one family", () =>
    Effect.gen(function* () {
      const { addresses, timeToLive } = yield* lookup("old.test")
      assert.deepStrictEqual(addresses, ["127.0.0.1"])
      assert.strictEqual(Duration.toSeconds(timeToLive ?? Duration.zero), 20)
    })
  )

  it.live.each(["unknown.test", "empty.test"])("finds no address where there is none, which is an answer: %s", (host) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* lookup(host), { addresses: [] })
    })
  )

  it.live("fails where nobody answers", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(lookup("slow.test"))
      assert.deepStrictEqual([error.reason, error.phase, error.address], ["DnsFailed", "dns", "slow.test"])
    })
  )

  // Deno says of a name server's failure what it says of a name that does not exist.
  it.live.skipIf(runtime === "deno")("fails where the name server does", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(lookup("broken.test"))).reason, "DnsFailed")
    })
  )

  it.live("fails with a name server that is no address", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(recordLookup({ servers: ["a name"] })("old.test"))
      assert.strictEqual(error.reason, "DnsFailed")
    })
  )

  it.live("is given up when it is interrupted", () =>
    Effect.gen(function* () {
      const server = yield* makeNameServer(zone)
      const asking = recordLookup({ servers: [server], timeoutMillis: 60_000 })("slow.test")
      const fiber = yield* Effect.forkChild(asking, { startImmediately: true })
      yield* Fiber.interrupt(fiber)
    })
  )

  it.live("is what a connector resolves by, if it is told to", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const server = yield* makeNameServer(zone)
      const connector = yield* makeConnector({ lookup: recordLookup({ servers: [server] }) })
      const connection = yield* connector.connect({ address: Target.tcp("old.test", peer.port) })
      connection.close()
      assert.deepStrictEqual([connection.info.remoteAddress, connection.info.resolvedFrom], ["127.0.0.1", "old.test"])
    })
  )
})
