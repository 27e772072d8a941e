/**
 * What becomes of pooled connections when their name leads elsewhere, in virtual time over real sockets.
 */
import type { ServerResponse } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { emptyBody, type WeirClientService } from "@weir/client"
import { NodeConnector } from "@weir/node"
import type { Resolution } from "@weir/transport"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { makeHttpServer } from "./support/HttpServer.ts"
import { settled, withClientOver } from "./support/world.ts"

expectNothingLeft()

/** A resolver that the spec answers for. */
class Names {
  addresses: ReadonlyArray<string> = ["127.0.0.1"]
  lookupCount = 0

  readonly lookup = (): Effect.Effect<Resolution> =>
    Effect.sync(() => {
      this.lookupCount++
      return { addresses: this.addresses }
    })
}

/** The address at which the server was called. */
const where = (client: WeirClientService, port: number, target = "/") => {
  const origin = client.originFor(false, "moving.test", port)
  return client
    .execute({ origin, method: "GET", target, headers: [], body: emptyBody })
    .pipe(Effect.flatMap((response) => response.text))
}

const closedBy = (client: WeirClientService, reason: "withdrawn" | "shutdown") =>
  Effect.map(client.pool.stats, ({ closedByReason }) => closedByReason[reason] ?? 0)

const dns = { timeToLive: "30 seconds" } as const

describe("a connection to a name that has lost its address", () => {
  it.effect("is closed while it is idle, and the next call goes where the name leads now", () =>
    Effect.gen(function* () {
      const names = new Names()
      const { port } = yield* makeHttpServer(
        (request, response) => response.end(request.socket.localAddress),
        "0.0.0.0"
      )
      const connector = NodeConnector.layerWith({ lookup: names.lookup, dns })
      yield* withClientOver(connector, {}, function* ({ client, counts }) {
        assert.strictEqual(yield* where(client, port), "127.0.0.1")
        names.addresses = ["127.0.0.2"]
        yield* TestClock.adjust("29 seconds")
        assert.strictEqual((yield* counts).idle, 1)
        yield* TestClock.adjust("1 second")
        yield* settled
        assert.strictEqual((yield* counts).connections, 0)
        assert.strictEqual(yield* closedBy(client, "withdrawn"), 1)
        assert.strictEqual(yield* where(client, port), "127.0.0.2")
        assert.strictEqual(names.lookupCount, 2)
      })
    })
  )

  it.effect("ends its call in peace, and takes no other", () =>
    Effect.gen(function* () {
      const names = new Names()
      const asked = Promise.withResolvers<ServerResponse>()
      const server = yield* makeHttpServer((request, response) => {
        if (request.url === "/slow") asked.resolve(response)
        else response.end(request.socket.localAddress)
      }, "0.0.0.0")
      const connector = NodeConnector.layerWith({ lookup: names.lookup, dns })
      yield* withClientOver(connector, {}, function* ({ client, counts }) {
        const slow = yield* Effect.forkChild(where(client, server.port, "/slow"))
        const response = yield* Effect.promise(() => asked.promise)
        names.addresses = ["127.0.0.2"]
        yield* TestClock.adjust("30 seconds")
        assert.strictEqual(yield* where(client, server.port), "127.0.0.2")
        assert.strictEqual((yield* counts).active, 1)
        response.end("at last")
        assert.strictEqual(yield* Fiber.join(slow), "at last")
        assert.strictEqual(yield* closedBy(client, "withdrawn"), 1)
        assert.strictEqual((yield* counts).connections, 1)
      })
    })
  )

  it.effect("stays where the name has no address at all any more: there is nothing better", () =>
    Effect.gen(function* () {
      const names = new Names()
      const { port } = yield* makeHttpServer(
        (request, response) => response.end(request.socket.localAddress),
        "0.0.0.0"
      )
      const connector = NodeConnector.layerWith({ lookup: names.lookup, dns })
      yield* withClientOver(connector, { pool: { idleTimeout: "never" } }, function* ({ client }) {
        assert.strictEqual(yield* where(client, port), "127.0.0.1")
        names.addresses = []
        yield* TestClock.adjust("1 minute")
        assert.isAbove(names.lookupCount, 1)
        assert.strictEqual(yield* where(client, port), "127.0.0.1")
      })
    })
  )
})

describe("a name without connections", () => {
  it.effect("is not looked up again", () =>
    Effect.gen(function* () {
      const names = new Names()
      const { port } = yield* makeHttpServer((_request, response) => response.end("answer"), "0.0.0.0")
      const connector = NodeConnector.layerWith({ lookup: names.lookup, dns })
      yield* withClientOver(connector, {}, function* ({ client }) {
        yield* where(client, port)
        yield* client.pool.closeIdle()
        yield* TestClock.adjust("5 minutes")
        assert.strictEqual(names.lookupCount, 1)
      })
    })
  )
})

describe("a resolver that does not answer", () => {
  it.effect("lets the connect time out in phase dns", () =>
    Effect.gen(function* () {
      const connector = NodeConnector.layerWith({ lookup: () => Effect.never })
      yield* withClientOver(connector, { pool: { connectTimeout: "2 seconds" } }, function* ({ client }) {
        const call = yield* Effect.forkChild(Effect.flip(where(client, 80)), { startImmediately: true })
        yield* TestClock.adjust("2 seconds")
        const error = yield* Fiber.join(call)
        assert.include(String(error), "connect not finished within 2000 ms (connectTimeout), in phase dns")
        // The look-up is the cache's, which gives it up by its own time.
        yield* TestClock.adjust("30 seconds")
      })
    })
  )
})
