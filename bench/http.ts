/**
 * GET of 41 bytes over loopback: Weir's layers, from a session on one connection up to Effect's `HttpClient`, beside undici,
 * node:http and bare sockets, with as many calls at a time as there are connections.
 *
 * What is measured is the processor time of this process, its collector's and compiler's threads included, since a pinned
 * client that waits for nothing makes as many calls as its processor allows; `--wall` measures time as it passes. A ratio
 * says how many times faster its second contestant is.
 */
import { Agent as HttpAgent, request as httpRequest } from "node:http"
import { connect as netConnect } from "node:net"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Undici from "@effect/platform-node/Undici"
import { emptyBody, WeirClient, WeirHttpClient } from "@weir/client"
import { makeSession, type ResponseReceiver, type Session } from "@weir/http1"
import { NodeConnector } from "@weir/node"
import { Target } from "@weir/transport"
import { Context, Effect, Layer, Scope } from "effect"
import { HttpClient } from "effect/http"
import { type Contestant, isQuick, Report } from "./harness.ts"
import { answerBody, pinSelf, startUpstream } from "./upstream.ts"

pinSelf()
const upstream = await startUpstream()
const { port } = upstream
const url = `http://127.0.0.1:${port}/`

const check = (body: string): void => {
  if (body.length !== answerBody.length) throw new Error(`an answer of ${body.length} bytes`)
}

/** Makes calls one after the other, in so many lanes at once. */
const lanes =
  (laneCount: number, call: () => Promise<unknown>): Contestant["run"] =>
  async (count) => {
    let startedCount = 0
    const lane = async () => {
      while (startedCount < count) {
        startedCount++
        await call()
      }
    }
    await Promise.all(Array.from({ length: laneCount }, lane))
  }

/** The same, each lane a fiber. */
const fibers =
  <E>(laneCount: number, call: Effect.Effect<unknown, E>): Contestant["run"] =>
  (count) => {
    let startedCount = 0
    const lane = Effect.gen(function* () {
      while (startedCount < count) {
        startedCount++
        yield* call
      }
    })
    return Effect.runPromise(
      Effect.all(
        Array.from({ length: laneCount }, () => lane),
        { concurrency: "unbounded", discard: true }
      )
    )
  }

/** The same, each lane a callback that begins the next call. */
const callbacks =
  <Lane>(laneCount: number, open: () => Promise<Lane>, call: (lane: Lane, done: () => void) => void) =>
  async (): Promise<Contestant["run"]> => {
    const opened = await Promise.all(Array.from({ length: laneCount }, open))
    return (count) =>
      new Promise<void>((resolve) => {
        let startedCount = 0
        let endedCount = 0
        for (const lane of opened) {
          const next = (): void => {
            if (startedCount === count) return
            startedCount++
            call(lane, () => {
              if (++endedCount === count) resolve()
              else next()
            })
          }
          next()
        }
      })
  }

// Bare sockets: a fixed request, and a count of the bytes that come back.

interface BareSocket {
  readonly write: (done: () => void) => void
}

const openBare = (): Promise<BareSocket> =>
  new Promise((resolve) => {
    const request = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`
    let answerByteCount = 0
    let receivedByteCount = 0
    let onAnswer = (): void => {}
    const socket = netConnect({ host: "127.0.0.1", port, noDelay: true }, () => {
      resolve({
        write: (done) => {
          onAnswer = done
          socket.write(request, "latin1")
        }
      })
    })
    socket.on("data", (chunk) => {
      receivedByteCount += chunk.length
      // Every answer is as long as the first, which comes in one piece.
      if (answerByteCount === 0) answerByteCount = receivedByteCount
      if (receivedByteCount < answerByteCount) return
      receivedByteCount = 0
      onAnswer()
    })
  })

// A session on a connection: the codec and the socket layer, without pool, deadlines or effects.

const connector = await Effect.runPromise(NodeConnector.make())

const openSession = async (): Promise<Session> => {
  const connection = await Effect.runPromise(connector.connect({ address: Target.tcp("127.0.0.1", port) }))
  return makeSession(connection, { onIdleEvent: () => {}, onClosed: () => {} })
}

const requestHead = {
  method: "GET",
  target: "/",
  headers: ["Host", `127.0.0.1:${port}`],
  body: { _tag: "empty" }
} as const

const decoder = new TextDecoder()

const callSession = (session: Session, done: () => void): void => {
  let body = ""
  const receiver: ResponseReceiver = {
    onInformational: () => {},
    onHead: () => {},
    onBody: (chunk) => {
      body += decoder.decode(chunk)
    },
    onComplete: () => {
      check(body)
      done()
    },
    onUpgrade: () => {},
    onWritable: () => {},
    onFailure: (error) => {
      throw error
    }
  }
  session.start(requestHead, receiver)
}

// What a program would write.

const textOf = (http: HttpClient.HttpClient) => Effect.flatMap(http.get(url), ({ text }) => Effect.map(text, check))

const withoutTracing = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, HttpClient.TracerDisabledWhen, () => true)

const scope = Scope.makeUnsafe()

const build = <A, E>(layer: Layer.Layer<A, E>): Promise<Context.Context<A>> =>
  Effect.runPromise(Layer.buildWithScope(layer, scope))

const callClient = async (connectionCount: number) => {
  const pool = { connectionsPerRouteMax: connectionCount }
  const context = await build(Layer.provide(WeirHttpClient.layer({ pool }), NodeConnector.layer))
  const client = Context.get(context, WeirClient)
  const origin = await Effect.runPromise(client.origin(new URL(url)))
  const request = { origin, method: "GET", target: "/", headers: [], body: emptyBody }
  return {
    plain: Effect.suspend(() => Effect.flatMap(client.execute(request), ({ text }) => Effect.map(text, check))),
    http: textOf(Context.get(context, HttpClient.HttpClient))
  }
}

const callUndici = (dispatcher: Undici.Dispatcher): Promise<void> =>
  new Promise((resolve, reject) => {
    let body = ""
    dispatcher.dispatch(
      { path: "/", method: "GET" },
      {
        onRequestStart: () => {},
        onResponseStart: () => {},
        onResponseData: (_controller, chunk) => {
          body += chunk.toString()
        },
        onResponseEnd: () => {
          check(body)
          resolve()
        },
        onResponseError: (_controller, error) => reject(error)
      }
    )
  })

const callNode = (agent: HttpAgent): Promise<void> =>
  new Promise((resolve, reject) => {
    httpRequest({ host: "127.0.0.1", port, agent }, (response) => {
      let body = ""
      response.setEncoding("utf8").on("data", (chunk: string) => {
        body += chunk
      })
      response.on("end", () => {
        check(body)
        resolve()
      })
    })
      .on("error", reject)
      .end()
  })

const contestantsFor = async (count: number): Promise<ReadonlyArray<Contestant>> => {
  const weir = await callClient(count)
  const undici = new Undici.Pool(url, { connections: count, pipelining: 1 })
  const fetching = new Undici.Agent({ connections: count, pipelining: 1 })
  const agent = new HttpAgent({ keepAlive: true, maxSockets: count })
  const effectUndici = textOf(Context.get(await build(NodeHttpClient.layerUndici), HttpClient.HttpClient))
  return [
    { name: "bare sockets", run: await callbacks(count, openBare, (socket, done) => socket.write(done))() },
    { name: "weir session", run: await callbacks(count, openSession, callSession)() },
    { name: "weir client", run: fibers(count, weir.plain) },
    { name: "weir HttpClient", run: fibers(count, withoutTracing(weir.http)) },
    { name: "weir HttpClient, traced", run: fibers(count, weir.http) },
    { name: "undici dispatch", run: lanes(count, () => callUndici(undici)) },
    {
      name: "undici request",
      run: lanes(count, async () => {
        const { body } = await undici.request({ path: "/", method: "GET" })
        check(await body.text())
      })
    },
    {
      name: "undici fetch",
      run: lanes(count, async () => check(await (await Undici.fetch(url, { dispatcher: fetching })).text()))
    },
    { name: "node:http", run: lanes(count, () => callNode(agent)) },
    { name: "effect undici", run: fibers(count, withoutTracing(effectUndici)) },
    { name: "effect undici, traced", run: fibers(count, effectUndici) }
  ]
}

const clock = process.argv.includes("--wall") ? "wall" : "cpu"
const report = new Report("http", ["effect", "undici"])
console.log(`upstream: ${upstream.kind}`)
for (const count of [1, 50]) {
  await report.compare(
    `GET 41 bytes, ${count} at a time, ${clock} time`,
    await contestantsFor(count),
    [
      ["undici request", "weir client"],
      ["undici dispatch", "weir client"],
      ["undici fetch", "weir client"],
      ["node:http", "weir client"],
      ["bare sockets", "weir client"],
      ["bare sockets", "weir session"],
      ["effect undici", "weir HttpClient"],
      ["effect undici, traced", "weir HttpClient, traced"]
    ],
    isQuick ? { clock, rounds: 5, turnMillis: 40 } : { clock, rounds: 21, turnMillis: 300 }
  )
}
report.finish()
await upstream.stop()
process.exit()
