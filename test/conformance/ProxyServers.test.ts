/**
 * Connections through proxies that others wrote: tinyproxy by CONNECT, microsocks by SOCKS5.
 */
import { assert, describe, it } from "@effect/vitest"
import { type ProxyServer, Target } from "@weir/transport"
import { Effect, Redacted } from "effect"
import { makePeer, usePeers } from "./peer/Peer.ts"
import { makeConnector } from "./runtime.ts"
import { type Places, startServer } from "./ServerProcess.ts"
import { exchange, serverTls, trusting } from "./secured.ts"

usePeers()

const credentials = (password: string) => ({ username: "ann", password: Redacted.make(password) })

const startTinyproxy = startServer({
  program: "tinyproxy",
  unixSockets: [],
  argumentsAt: ({ directory }) => ["-d", "-c", `${directory}/tinyproxy.conf`],
  filesAt: ({ directory, port }) => ({
    "tinyproxy.conf": `
Port ${port}
Listen 127.0.0.1
LogFile "${directory}/log"
MaxClients 20
BasicAuth ann secret
`
  })
})

const startMicrosocks = startServer({
  program: "microsocks",
  unixSockets: [],
  argumentsAt: ({ port }) => ["-i", "127.0.0.1", "-p", String(port), "-u", "ann", "-P", "secret"],
  filesAt: () => ({})
})

const throughTinyproxy = ({ port }: Places, password: string): ProxyServer => ({
  _tag: "Http",
  address: Target.tcp("127.0.0.1", port),
  credentials: credentials(password)
})

const throughMicrosocks = ({ port }: Places, password: string): ProxyServer => ({
  _tag: "Socks5",
  address: Target.tcp("127.0.0.1", port),
  namesAreResolvedBy: "proxy",
  credentials: credentials(password)
})

const connect = (target: Target.Target) =>
  Effect.flatMap(makeConnector(), (connector) =>
    Effect.acquireRelease(connector.connect(target), (connection) => Effect.sync(() => connection.close()))
  )

describe.each([
  ["tinyproxy", startTinyproxy, throughTinyproxy],
  ["microsocks", startMicrosocks, throughMicrosocks]
] as const)("a tunnel through %s", (_, startProxy, through) => {
  it.live("carries plain text and TLS, for whom the proxy knows", () =>
    Effect.gen(function* () {
      const proxy = through(yield* startProxy, "secret")
      for (const tls of [undefined, trusting]) {
        const peer = yield* makePeer(tls === undefined ? {} : { tls: serverTls })
        const address = Target.tcp("localhost", peer.port)
        const connection = yield* connect({ address, proxy, ...(tls === undefined ? {} : { tls }) })
        yield* exchange(connection, yield* peer.accept)
        connection.close()
      }
    })
  )

  it.live("is refused for whom the proxy does not know, and where nothing listens", () =>
    Effect.gen(function* () {
      const places = yield* startProxy
      const address = Target.tcp("127.0.0.1", 1)
      const unknown = yield* Effect.flip(connect({ address, proxy: through(places, "hidden") }))
      const unreachable = yield* Effect.flip(connect({ address, proxy: through(places, "secret") }))
      assert.deepStrictEqual([unknown.reason, unreachable.reason], ["ProxyRefused", "ProxyRefused"])
      assert.notInclude(unknown.message, "hidden")
    })
  )
})
