/**
 * The `Connector` over Deno's own sockets.
 *
 * Plain text goes over `Deno.connect`. TLS is the runtime's `node:tls` over such a connection (`info.layer` says
 * `deno+node:tls`), and a given local address is dialled by `node:net` (`deno+node:net`), since Deno cannot do either in a
 * way that keeps a connection's promises, or at all. Names are resolved by the system's resolver, unless another is given, and
 * kept for a while; the addresses of a name are tried as RFC 8305 says. Connections have Nagle's algorithm off and keep-alive probes on.
 */
import {
  connectThrough,
  contradictionIn,
  makeBackgroundClock,
  makeWith,
  NodeConnection,
  NodeTls,
  type ProxyLayer,
  secure,
  secureOpen,
  systemLookup,
  unsupported
} from "@weir/node/sockets"
import type { Capabilities, ConnectObserver, ConnectPathOptions } from "@weir/transport"
import { Connector, makeConnectPath, Target, watchName } from "@weir/transport"
import { Clock, Effect, Layer } from "effect"
import { dial } from "./DenoDial.ts"
import { connectError } from "./DenoErrors.ts"
import { LargeBuffers } from "./ReadBuffer.ts"
import { setupTls } from "./setupTls.ts"

/** What connections on Deno can do; asking for what they cannot fails with `Unsupported`. */
export const capabilities: Capabilities = {
  unixSockets: true,
  tls: true,
  serverName: true,
  clientCertificates: true,
  unverifiedTls: true,
  // Deno's node:tls takes no session and gives none.
  sessionResumption: false,
  localAddress: true,
  // Deno has no way to send RST.
  reset: false,
  unref: true,
  proxies: true,
  tlsInTls: true
}

/** What the layer may be told. */
export type DenoConnectorOptions = ConnectPathOptions

/** A connector whose caches live as long as it is used. */
export const make = (options: DenoConnectorOptions = {}): Effect.Effect<Connector["Service"]> =>
  Effect.gen(function* () {
    const backgroundClock = makeBackgroundClock(yield* Clock.Clock)
    const path = yield* makeConnectPath(options, systemLookup(connectError), backgroundClock)
    const overNode = yield* makeWith(
      { name: "deno+node:net", connectionOver: (opened) => new NodeConnection(opened) },
      {},
      path
    )
    const nodeTls = new NodeTls(0)
    const shared = { path, largeBuffers: new LargeBuffers() }
    const connectDirectly = (target: Target.Target, observer?: ConnectObserver) => {
      const { address, localAddress, tls } = target
      const contradiction = contradictionIn(target)
      if (contradiction !== undefined)
        return Effect.fail(unsupported(contradiction, "tcp", Target.formatAddress(address)))
      const openPlain =
        localAddress === undefined
          ? dial(shared, address, observer)
          : overNode.connect({ address, localAddress }, observer)
      if (tls === undefined) return openPlain
      return Effect.flatMap(setupTls(nodeTls, tls, address), (setup) =>
        secure(openPlain, { target, tls, setup, nodeTls, connectError, observer })
      )
    }
    const proxyLayer: ProxyLayer = {
      connect: connectDirectly,
      connectToSecure: connectDirectly,
      prepareTls: (target, tls) =>
        Effect.map(
          setupTls(nodeTls, tls, target.address),
          (setup) => (connection, info, proxyObserver, restore) =>
            secureOpen(
              connection,
              { ...info, layer: `${info.layer}+node:tls` },
              { target, tls, setup, nodeTls, connectError, observer: proxyObserver },
              restore
            )
        ),
      resolve: (host) => path.names.resolve(host)
    }
    const connect = (target: Target.Target, observer?: ConnectObserver) =>
      target.proxy === undefined
        ? connectDirectly(target, observer)
        : connectThrough(proxyLayer, target, target.proxy, observer)
    return Connector.of({ runtime: "deno", capabilities, backgroundClock, watch: watchName(path), connect })
  })

/** `Connector` on Deno's sockets, with defaults. */
export const layer: Layer.Layer<Connector> = Layer.effect(Connector, make())

/** `layer` with options. */
export const layerWith = (options: DenoConnectorOptions): Layer.Layer<Connector> =>
  Layer.effect(Connector, make(options))
