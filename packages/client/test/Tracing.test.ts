/**
 * What a trace shows of a call, and what the server is told of the trace.
 */
import { assert, describe, it } from "@effect/vitest"
import type { ClientConfig } from "@weir/client"
import { Effect, Exit, Option, Tracer } from "effect"
import { Headers, HttpClient, HttpTraceContext } from "effect/http"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { type Echo, echo } from "./support/HttpServer.ts"
import { withHttp } from "./support/layerWorld.ts"

expectNothingLeft()

/** A tracer, and the spans that it has made, in order. */
const collecting = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  return { spans, tracer }
}

/** Runs the steps under a tracer, in a span that an incoming request has begun elsewhere. */
const traced = (
  handle: Parameters<typeof withHttp>[0],
  steps: (world: {
    readonly http: HttpClient.HttpClient
    readonly url: string
    readonly spans: ReadonlyArray<Tracer.NativeSpan>
  }) => Generator<Effect.Effect<unknown, unknown>, void, never>,
  config: ClientConfig = {}
) => {
  const { spans, tracer } = collecting()
  return withHttp(
    handle,
    function* ({ http, url }) {
      yield* Effect.gen(() => steps({ http, url, spans })).pipe(
        Effect.withParentSpan(Tracer.externalSpan({ traceId: "a".repeat(32), spanId: "b".repeat(16) })),
        Effect.withTracer(tracer)
      )
    },
    config
  )
}

const headersSeen = (http: HttpClient.HttpClient, url: string) =>
  Effect.map(
    Effect.flatMap(http.get(url), (response) => response.text),
    (text): Echo["headers"] => JSON.parse(text).headers
  )

describe("a traced call", () => {
  it.live("tells the server its own span, in its caller's trace, as traceparent and as b3", () =>
    traced(echo, function* ({ http, spans, url }) {
      const headers = yield* headersSeen(http, url)
      const [span] = spans
      assert.strictEqual(spans.length, 1)
      assert.strictEqual(span?.kind, "client")
      assert.strictEqual(headers["traceparent"], `00-${"a".repeat(32)}-${span?.spanId}-01`)
      assert.strictEqual(headers["b3"], `${"a".repeat(32)}-${span?.spanId}-1-${"b".repeat(16)}`)
      const read = Option.getOrUndefined(HttpTraceContext.fromHeaders(Headers.fromInput(headers)))
      assert.deepStrictEqual([read?.traceId, read?.spanId], ["a".repeat(32), span?.spanId])
    })
  )

  it.live("has OpenTelemetry's names for what it was and how it went, and no secret", () =>
    traced(
      (_request, response) => response.writeHead(404).end(),
      function* ({ http, spans, url }) {
        const response = yield* http.get(`${url}/path?q=1`, { headers: { authorization: "Bearer secret" } })
        yield* response.text
        const attributes = Object.fromEntries(spans[0]?.attributes ?? [])
        assert.deepInclude(attributes, {
          "http.request.method": "GET",
          "url.full": `${url}/path?q=1`,
          "url.path": "/path",
          "url.query": "q=1",
          "url.scheme": "http",
          "server.address": "127.0.0.1",
          "server.port": Number(new URL(url).port),
          "http.response.status_code": 404,
          "error.type": "404"
        })
        assert.notInclude(JSON.stringify(attributes), "secret")
      }
    )
  )

  it.live("ends its span with the failure, where there is no answer", () =>
    traced(
      (request) => request.socket.destroy(),
      function* ({ http, spans, url }) {
        const error = yield* Effect.flip(http.post(url))
        const status = spans[0]?.status
        if (status?._tag !== "Ended") return assert.fail("the span has not ended")
        assert.deepStrictEqual(Exit.findErrorOption(status.exit), Option.some(error))
      }
    )
  )

  it.live("that follows a redirect has a span for each request, all in one trace", () =>
    traced(
      (request, response) => {
        if (request.url === "/from") response.writeHead(302, { location: "/to" }).end()
        else echo(request, response)
      },
      function* ({ http, spans, url }) {
        const headers = yield* headersSeen(http, `${url}/from`)
        assert.deepStrictEqual(
          spans.map((span) => [span.attributes.get("url.path"), span.traceId]),
          [
            ["/from", "a".repeat(32)],
            ["/to", "a".repeat(32)]
          ]
        )
        assert.include(headers["traceparent"], spans[1]?.spanId)
      },
      { http: { redirectCountMax: 1 } }
    )
  )

  it.live("tells the server nothing with propagation off, and makes no span with tracing off", () =>
    traced(echo, function* ({ http, spans, url }) {
      const unnamed = yield* headersSeen(http, url).pipe(
        Effect.provideService(HttpClient.TracerPropagationEnabled, false)
      )
      assert.doesNotHaveAnyKeys(unnamed, ["traceparent", "b3"])
      assert.strictEqual(spans.length, 1)
      const untraced = yield* headersSeen(http, url).pipe(
        Effect.provideService(HttpClient.TracerDisabledWhen, () => true)
      )
      assert.doesNotHaveAnyKeys(untraced, ["traceparent", "b3"])
      assert.strictEqual(spans.length, 1)
    })
  )
})
