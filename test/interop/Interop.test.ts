/**
 * The client with servers that others wrote, over the sockets of this runtime. `npm run interop` makes more calls under
 * load, and with `--update` it writes docs/interop.md.
 */
import { Buffer } from "node:buffer"
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { type ClientRequest, emptyBody, WeirClient, type WeirClientService } from "@weir/client"
import { Connector } from "@weir/transport"
import { Effect, Layer, type Scope, Stream } from "effect"
import { makeConnector } from "../conformance/runtime.ts"
import { expectNoSocketsTo } from "../support/openSockets.ts"
import { chunkedText } from "./Backend.ts"
import { bigByteCount, bigPieces, Receipt, receiptOf, smallText } from "./Content.ts"
import { Findings } from "./Findings.ts"
import { type RunningServer, startServer } from "./RunningServer.ts"
import { type ServerKind, serverKinds } from "./Servers.ts"

const { env } = process
const callCount = Number(env["INTEROP_CALLS"] ?? 600)
const isUpdating = env["INTEROP_UPDATE"] === "1"
const callerCount = 16
const minuteMillis = 60_000

const findings = new Findings()

const trailerTexts = {
  passed: "yes",
  dropped: "dropped by the server",
  broken: "written into the head with CR CR LF, and refused"
} as const

interface World extends RunningServer {
  readonly client: WeirClientService
  readonly call: (target: string, fields?: Partial<ClientRequest>) => ReturnType<WeirClientService["execute"]>
}

/** A server and a client for it, and the proof that the client keeps no connection. */
const withServer = (
  kind: ServerKind,
  steps: (world: World) => Effect.Effect<void, unknown, Scope.Scope>
): Effect.Effect<void, unknown> =>
  Effect.scoped(
    Effect.gen(function* () {
      const running = yield* startServer(kind)
      const inner = Effect.gen(function* () {
        const connector = Layer.effect(Connector, makeConnector())
        const config = { http: { retryBudgetRatio: 1, requestTimeout: "30 seconds" } } as const
        const context = yield* Layer.build(Layer.provide(WeirClient.layer(config), connector))
        const client = yield* Effect.provide(WeirClient, context)
        const origin = client.originFor(false, "127.0.0.1", running.port)
        const call: World["call"] = (target, fields) =>
          client.execute({ origin, method: "GET", target, headers: [], body: emptyBody, ...fields })
        yield* steps({ ...running, client, call })
      })
      yield* Effect.scoped(inner)
      yield* expectNoSocketsTo(running.port)
    })
  )

/** May be repeated: these servers close idle connections at any moment. */
const upload = (byteCount: number | undefined): Partial<ClientRequest> => ({
  method: "POST",
  isIdempotent: true,
  body: {
    _tag: "Stream",
    stream: Stream.suspend(() => Stream.fromIterable(bigPieces())).pipe(Stream.rechunk(1)),
    byteCount,
    isReplayable: true
  }
})

describe.each(serverKinds)("$name", (kind) => {
  const { hasApp, hasRange, httpVersion, trailers } = kind
  const rowName = (): string => `${kind.name} ${kind.version()}`

  it.live("serves a file, its head, a part of it, and nothing when it is known", () =>
    withServer(kind, ({ call }) =>
      Effect.gen(function* () {
        const whole = yield* call("/static/small.txt")
        assert.deepStrictEqual([whole.status, whole.head.version, yield* whole.text], [200, httpVersion, smallText])
        findings.note(rowName(), "HTTP", httpVersion)

        const head = yield* call("/static/small.txt", { method: "HEAD" })
        assert.deepStrictEqual([head.status, yield* head.text], [200, ""])
        assert.strictEqual(head.head.get("content-length"), String(smallText.length))
        findings.note(rowName(), "HEAD", "yes")

        const part = yield* call("/static/small.txt", { headers: ["Range", "bytes=2-6"] })
        const expected = hasRange ? [206, "small"] : [200, smallText]
        assert.deepStrictEqual([part.status, yield* part.text], expected)
        findings.note(rowName(), "range", hasRange ? "yes" : "whole file")

        const tag = whole.head.get("etag")
        const condition =
          tag === undefined ? ["If-Modified-Since", whole.head.get("last-modified") ?? ""] : ["If-None-Match", tag]
        const known = yield* call("/static/small.txt", { headers: condition })
        assert.deepStrictEqual([known.status, yield* known.text], [304, ""])
        findings.note(rowName(), "304", `by ${condition[0]}`)
        // What follows an answer without a body is its own.
        assert.strictEqual(yield* (yield* call("/static/small.txt")).text, smallText)
      })
    )
  )

  it.live(
    "sends 50 MB whole and in order",
    () =>
      withServer(kind, ({ call }) =>
        Effect.gen(function* () {
          const response = yield* call("/static/big.bin")
          const receipt = new Receipt()
          yield* Stream.runForEach(response.stream, (piece) => Effect.sync(() => receipt.add(piece)))
          assert.strictEqual(receipt.toString(), receiptOf(bigPieces()))
          findings.note(rowName(), "50 MB down", "yes")
        })
      ),
    minuteMillis
  )

  if (hasApp) {
    it.live(
      "takes 50 MB whole and in order, with its length and in chunks",
      () =>
        withServer(kind, ({ call }) =>
          Effect.gen(function* () {
            const receipt = receiptOf(bigPieces())
            for (const byteCount of [bigByteCount, undefined]) {
              const response = yield* call("/app/receipt", upload(byteCount))
              assert.deepStrictEqual([response.status, yield* response.text], [200, receipt])
            }
            findings.note(rowName(), "50 MB up", "sized and chunked")
          })
        ),
      minuteMillis
    )

    it.live("passes on chunks, trailers as far as it does, and a body after 100 Continue", () =>
      withServer(kind, ({ call }) =>
        Effect.gen(function* () {
          const chunked = yield* call("/app/chunked")
          assert.strictEqual(yield* chunked.text, chunkedText)
          findings.note(rowName(), "chunked", chunked.head.get("transfer-encoding") ?? "as one body")

          yield* Effect.matchEffect(call("/app/trailers", { headers: ["TE", "trailers"] }), {
            onFailure: ({ reason }) =>
              Effect.sync(() => {
                assert.strictEqual(trailers, "broken", reason._tag)
                assert.include(reason, { _tag: "BadResponse", kind: "malformed" })
              }),
            onSuccess: (response) =>
              Effect.map(response.text, (text) => {
                assert.strictEqual(text, "with trailers")
                const found = response.trailers.map((part, index) => (index % 2 === 0 ? part.toLowerCase() : part))
                assert.deepStrictEqual(found, trailers === "passed" ? ["x-end", "reached"] : [])
              })
          })
          findings.note(rowName(), "trailers", trailerTexts[trailers])

          const interims: Array<number> = []
          const body = Buffer.from("held until told")
          const continued = yield* call("/app/receipt", {
            method: "POST",
            body: { _tag: "Bytes", bytes: body },
            expectsContinue: true,
            isIdempotent: true,
            onInformational: ({ status }) => {
              interims.push(status)
            }
          })
          assert.strictEqual(yield* continued.text, receiptOf([body]))
          // A server may pass the application's own on, after its own.
          assert.isNotEmpty(interims)
          assert.isEmpty(interims.filter((status) => status !== 100))
          findings.note(rowName(), "100-continue", interims.length === 1 ? "yes" : `yes, ${interims.length} times`)
        })
      )
    )
  } else {
    it.live("refuses an upload of 50 MB in a way that the caller is told", () =>
      withServer(kind, ({ call }) =>
        Effect.gen(function* () {
          const told = yield* call("/app/receipt", upload(bigByteCount)).pipe(
            Effect.map(({ discard, status }) => {
              discard()
              return `status ${status}`
            }),
            Effect.catch(({ reason }) => Effect.succeed(reason._tag))
          )
          assert.include(["status 501", "ConnectionLost"], told)
          findings.note(rowName(), "50 MB up", "refused, as told")
          assert.strictEqual(yield* (yield* call("/static/small.txt")).text, smallText)
        })
      )
    )
  }

  it.live(
    "closes connections under load without a failed GET or a doubled POST",
    () =>
      withServer(kind, ({ backend, call, client }) =>
        Effect.gen(function* () {
          let lastNumber = 0
          let retryCount = 0
          let lostCount = 0
          const answered = new Set<string>()
          const stats = client.pool.stats
          // However fast the calls are made: until the server has closed a connection, nothing is shown.
          const isEnough = Effect.suspend(() =>
            lastNumber < callCount
              ? Effect.succeed(false)
              : Effect.map(stats, ({ closedByReason }) => Object.keys(closedByReason).length > 0)
          )
          const caller = Effect.gen(function* () {
            while (!(yield* isEnough)) {
              const number = ++lastNumber
              // Around the time after which the servers close: some connections are closed as they are used.
              if (number % 3 === 0) yield* Effect.sleep(20 + (number % 20))
              const method = hasApp && number % 2 === 0 ? "POST" : "GET"
              const target = hasApp ? `/app/number/${number}` : "/static/small.txt"
              const body = method === "POST" ? { _tag: "Bytes" as const, bytes: Buffer.from("abc") } : emptyBody
              const exchange = Effect.gen(function* () {
                const response = yield* call(target, { method, body })
                const expected = [200, hasApp ? `answer to ${number}` : smallText]
                assert.deepStrictEqual([response.status, yield* response.text], expected)
                retryCount += response.timing.retryCount
                answered.add(`${method} ${number}`)
              })
              if (method === "GET") yield* exchange
              else {
                yield* Effect.catch(exchange, (error) =>
                  Effect.sync(() => {
                    // The server closed as the request was on its way: nobody may send it again but the caller.
                    assert.include(error.reason, { _tag: "ConnectionLost", isReused: true })
                    lostCount++
                  })
                )
              }
            }
          })
          yield* Effect.all(
            Array.from({ length: callerCount }, () => caller),
            { concurrency: "unbounded" }
          )
          for (const [key, count] of backend.seen) {
            if (key.startsWith("POST")) assert.strictEqual(count, 1, key)
          }
          if (hasApp) for (const key of answered) assert.isAtLeast(backend.seen.get(key) ?? 0, 1, key)
          const { createdCount } = yield* stats
          findings.note(
            rowName(),
            "closed by the server under load",
            `${lastNumber} calls on ${createdCount} connections: ${retryCount} GETs sent again, ${lostCount} POSTs given back to the caller`
          )
        })
      ),
    minuteMillis
  )
})

const introduction = `# Interoperation

What \`npm run interop -- --update\` saw: the client of \`@weir/client\` with servers that others wrote. Servers other than
node:http and Python's answer below \`/app/\` by passing requests on to an application. Each closes its connections after
a few requests or a short while, as far as it can be told to. Under load no GET failed and no POST came twice; a POST
whose connection was closed as it was sent is given back to its caller as a \`ConnectionLost\`.
`

afterAll(() => {
  if (!isUpdating) return
  const path = fileURLToPath(new URL("../../docs/interop.md", import.meta.url))
  writeFileSync(path, `${introduction}\n${findings.format()}\n`)
})
