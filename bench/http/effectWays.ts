/**
 * Effect's `HttpClient` on whatever layer stands behind it, with and without the span that it makes for each request.
 */
import { Context, Effect, Layer, Scope, Stream } from "effect"
import { HttpBody, HttpClient, type HttpClientResponse } from "effect/http"
import { effectCaller, type Way } from "./Caller.ts"
import { check, urlOf, type Work } from "./works.ts"

export const effectWays = <E>(name: string, layer: Layer.Layer<HttpClient.HttpClient, E>): ReadonlyArray<Way> =>
  effectWaysBy(name, () => layer)

/** The same where the layer limits its connections. */
export const effectWaysBy = <E>(
  name: string,
  layerFor: (connectionCount: number) => Layer.Layer<HttpClient.HttpClient, E>
): ReadonlyArray<Way> => {
  const open = async (work: Work, port: number, connectionCount: number) => {
    const building = Layer.buildWithScope(layerFor(connectionCount), Scope.makeUnsafe())
    return callOf(Context.get(await Effect.runPromise(building), HttpClient.HttpClient), work, urlOf(work, port))
  }
  return [
    { name, open: async (work, port, count) => effectCaller(count, untraced(await open(work, port, count))) },
    { name: `${name} traced`, open: async (work, port, count) => effectCaller(count, await open(work, port, count)) }
  ]
}

const untraced = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, HttpClient.TracerDisabledWhen, () => true)

const callOf = (client: HttpClient.HttpClient, work: Work, url: string): Effect.Effect<void, unknown> => {
  const { body } = work
  const send = body === undefined ? () => client.get(url) : () => client.post(url, { body: HttpBody.uint8Array(body) })
  return Effect.suspend(() =>
    Effect.flatMap(send(), (response) => Effect.map(read(response, work), (byteCount) => check(work, byteCount)))
  )
}

const read = (response: HttpClientResponse.HttpClientResponse, work: Work): Effect.Effect<number, unknown> => {
  switch (work.reading) {
    case "text":
      return Effect.map(response.text, (text) => text.length)
    case "bytes":
      return Effect.map(response.arrayBuffer, (buffer) => buffer.byteLength)
    case "pieces":
      return Stream.runFold(
        response.stream,
        () => 0,
        (sum, piece) => sum + piece.length
      )
  }
}
