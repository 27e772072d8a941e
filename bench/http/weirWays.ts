/**
 * Weir's ways in, from a session on one connection up to `fetch`.
 */
import { BunConnector } from "@weir/bun"
import { type ClientResponse, emptyBody, WeirClient, WeirHttpClient } from "@weir/client"
import { DenoConnector } from "@weir/deno"
import { createClient } from "@weir/fetch"
import { makeSession, type ResponseReceiver, type Session } from "@weir/http1"
import { NodeConnector } from "@weir/node"
import { Connector, Target } from "@weir/transport"
import { Context, Effect, Layer, Scope, Stream } from "effect"
import { runtime } from "../harness.ts"
import { effectCaller, laneCaller, promiseCaller, type Way } from "./Caller.ts"
import { effectWaysBy } from "./effectWays.ts"
import { MemoryConnection } from "./memoryWire.ts"
import { readResponse } from "./readResponse.ts"
import { check, urlOf, type Work } from "./works.ts"

const makers = { node: NodeConnector.make, bun: BunConnector.make, deno: DenoConnector.make } as const

/** Without the system's sockets: `bench/http.ts --wire memory`. */
export const isInMemory = process.argv.includes("--wire-memory")

const makeConnector = Effect.map(makers[runtime](), (real): Connector["Service"] =>
  isInMemory ? { ...real, connect: () => Effect.sync(() => new MemoryConnection()) } : real
)

/** Like the peers, which know no bound for calls that wait. */
const poolOf = (connectionCount: number) =>
  ({
    connectionsMax: connectionCount,
    connectionsPerRouteMax: connectionCount,
    pendingPerRouteMax: "unlimited",
    pendingMax: "unlimited"
  }) as const

// A session on a connection: the codec and the socket layer, without pool, deadlines or effects.

const openSession = async (connector: Connector["Service"], port: number): Promise<Session> => {
  const connection = await Effect.runPromise(connector.connect({ address: Target.tcp("127.0.0.1", port) }))
  return makeSession(connection, { onIdleEvent: () => {}, onClosed: () => {} })
}

const decoder = new TextDecoder()

const callSession = (session: Session, work: Work, port: number, done: () => void): void => {
  let byteCount = 0
  const receiver: ResponseReceiver = {
    onInformational: () => {},
    onHead: () => {},
    onBody: (chunk) => {
      byteCount += work.reading === "text" ? decoder.decode(chunk).length : chunk.length
    },
    onComplete: () => {
      check(work, byteCount)
      done()
    },
    onUpgrade: () => {},
    onWritable: () => {},
    onFailure: (error) => {
      throw error
    }
  }
  const head = {
    method: work.method,
    target: work.path,
    headers: ["Host", `127.0.0.1:${port}`],
    body: work.body === undefined ? ({ _tag: "empty" } as const) : ({ _tag: "bytes", bytes: work.body } as const)
  }
  session.start(head, receiver)
}

const session: Way = {
  name: "weir session",
  open: async (work, port, connectionCount) => {
    const connector = await Effect.runPromise(makeConnector)
    const sessions = await Promise.all(Array.from({ length: connectionCount }, () => openSession(connector, port)))
    return laneCaller(sessions, (lane, done) => callSession(lane, work, port, done))
  }
}

// What an Effect program would write.

const layerFor = (connectionCount: number) =>
  Layer.provide(WeirHttpClient.layer({ pool: poolOf(connectionCount) }), Layer.effect(Connector, makeConnector))

const read = (response: ClientResponse, work: Work): Effect.Effect<number, unknown> => {
  switch (work.reading) {
    case "text":
      return Effect.map(response.text, (text) => text.length)
    case "bytes":
      return Effect.map(response.bytes, (bytes) => bytes.length)
    case "pieces":
      return Stream.runFold(
        response.stream,
        () => 0,
        (sum, piece) => sum + piece.length
      )
  }
}

const client: Way = {
  name: "weir client",
  open: async (work, port, connectionCount) => {
    const building = Layer.buildWithScope(layerFor(connectionCount), Scope.makeUnsafe())
    const { execute, origin: originOf } = Context.get(await Effect.runPromise(building), WeirClient)
    const origin = await Effect.runPromise(originOf(new URL(urlOf(work, port))))
    const body = work.body === undefined ? emptyBody : ({ _tag: "Bytes", bytes: work.body } as const)
    const request = { origin, method: work.method, target: work.path, headers: [], body }
    const call = Effect.suspend(() =>
      Effect.flatMap(execute(request), (response) =>
        Effect.map(read(response, work), (byteCount) => check(work, byteCount))
      )
    )
    return effectCaller(connectionCount, call)
  }
}

const httpClient = effectWaysBy("weir HttpClient", layerFor)

// What a program with promises would write.

const request: Way = {
  name: "weir request",
  open: (work, port, connectionCount) => {
    const { request } = createClient({ pool: poolOf(connectionCount) })
    const url = urlOf(work, port)
    const options = work.body === undefined ? {} : { method: work.method, body: work.body }
    return promiseCaller(connectionCount, async () => {
      const response = await request(url, options)
      if (work.reading === "text") check(work, (await response.text()).length)
      else if (work.reading === "bytes") check(work, (await response.bytes()).length)
      else {
        let byteCount = 0
        for await (const piece of response) byteCount += piece.length
        check(work, byteCount)
      }
    })
  }
}

const fetching: Way = {
  name: "weir fetch",
  open: (work, port, connectionCount) => {
    const { fetch } = createClient({ pool: poolOf(connectionCount) })
    const url = urlOf(work, port)
    const init = work.body === undefined ? {} : { method: work.method, body: work.body }
    return promiseCaller(connectionCount, async () => readResponse(await fetch(url, init), work))
  }
}

export const weirWays: ReadonlyArray<Way> = [
  session,
  client,
  ...httpClient,
  // Their sockets are chosen by the package.
  ...(isInMemory ? [] : [request, fetching])
]
