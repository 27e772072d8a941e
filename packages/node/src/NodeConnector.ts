/**
 * The `Connector` over `node:net` and `node:tls`.
 *
 * Names are resolved by the system's resolver, unless another is given, and kept for a while; the addresses of a name are
 * tried as RFC 8305 says. TCP connections have Nagle's algorithm off and keep-alive probes on.
 */
import type { Socket } from "node:net"
import type {
  Capabilities,
  Connection,
  ConnectionInfo,
  ConnectPath,
  ConnectPathOptions,
  Restore,
  TransportError
} from "@weir/transport"
import { Connector, formatTarget, makeConnectPath, watchName } from "@weir/transport"
import { Clock, Effect, Layer } from "effect"
import { makeBackgroundClock } from "./BackgroundClock.ts"
import { NodeConnection, type OpenedSocket } from "./NodeConnection.ts"
import { type DialShared, dial } from "./NodeDial.ts"
import { connectError, unusableTlsOptions } from "./NodeErrors.ts"
import { NodeTls } from "./NodeTls.ts"
import { connectThrough, type ProxyLayer } from "./ProxiedConnect.ts"
import { systemLookup } from "./SystemLookup.ts"
import { secureOpen } from "./TlsConnection.ts"
import type { Securing } from "./TlsHandshake.ts"

/** What the layer may be told. */
export interface NodeConnectorOptions extends ConnectPathOptions {
  /** What connections call their layer in `info.layer`. Default: the runtime's name, `node`. */
  readonly layerName?: string
  /**
   * How many TLS sessions are kept for resumption, one for each TLS identity and address; the least recently used goes
   * first. 0 keeps none. A session takes some 2 to 10 KiB. Default: 256.
   */
  readonly tlsSessionCountMax?: number
}

/** What connections on Node can do; asking for what they cannot fails with `Unsupported`. */
export const capabilities: Capabilities = {
  unixSockets: true,
  tls: true,
  serverName: true,
  clientCertificates: true,
  unverifiedTls: true,
  sessionResumption: true,
  localAddress: true,
  reset: true,
  unref: true,
  proxies: true,
  tlsInTls: true
}

/**
 * A little more than the 64 KiB that libuv offers to one read, and no size that messages have: one that ends where a read
 * fills its memory leaves it open whether more follows, and costs its connection (see `Connection.hasMore`).
 */
const readBufferBytes = 66_049

/** A runtime on which `node:net` and `node:tls` are the way to open a socket. */
export interface NodeCompatibleRuntime {
  readonly name: string
  /** How connections are made of what was opened; `destroy` of the socket has to go on closing the connection. */
  readonly connectionOver: (opened: OpenedSocket) => Connection
  /** TLS over a socket that is open, without a listener and paused. Absent: over its connection, as `secureOpen` does. */
  readonly secureSocket?: (
    socket: Socket,
    info: ConnectionInfo,
    securing: Securing,
    restore: Restore
  ) => Effect.Effect<Connection, TransportError>
  /** Why TLS within TLS cannot be had, and what to do instead; absent: it can. */
  readonly tlsInTlsRefusal?: string
}

/** The connector of such a runtime; one that stands in for another's shares its `path`. */
export const makeWith = (
  runtime: NodeCompatibleRuntime,
  options: NodeConnectorOptions = {},
  sharedPath?: ConnectPath
): Effect.Effect<Connector["Service"]> =>
  Effect.gen(function* () {
    const backgroundClock = makeBackgroundClock(yield* Clock.Clock)
    const path = sharedPath ?? (yield* makeConnectPath(options, systemLookup(connectError), backgroundClock))
    const shared: DialShared = {
      path,
      layerName: options.layerName ?? runtime.name,
      tls: new NodeTls(options.tlsSessionCountMax ?? 256),
      readBuffer: Buffer.allocUnsafeSlow(readBufferBytes),
      connectionOver: runtime.connectionOver
    }
    const proxyLayer = proxyLayerOf(runtime, shared)
    return Connector.of({
      runtime: runtime.name,
      capabilities: { ...capabilities, tlsInTls: runtime.tlsInTlsRefusal === undefined },
      backgroundClock,
      watch: watchName(path),
      connect: (target, observer) =>
        target.proxy === undefined
          ? dial(shared, target, observer)
          : connectThrough(proxyLayer, target, target.proxy, observer)
    })
  })

const proxyLayerOf = (runtime: NodeCompatibleRuntime, shared: DialShared): ProxyLayer => {
  const { secureSocket, tlsInTlsRefusal } = runtime
  const toSecure: DialShared = { ...shared, connectionOver: (opened) => new NodeConnection(opened) }
  return {
    connect: (target, observer) => dial(shared, target, observer),
    connectToSecure: (target, observer) => dial(toSecure, target, observer),
    prepareTls: (target, tls) =>
      Effect.map(
        Effect.try({
          try: () => shared.tls.setup(tls, target.address),
          catch: (cause) => unusableTlsOptions(cause, formatTarget(target))
        }),
        (setup) => (connection, info, observer, restore) => {
          const securing = { target, tls, setup, nodeTls: shared.tls, connectError, observer }
          return secureSocket !== undefined && connection instanceof NodeConnection
            ? secureSocket(connection.detach(), info, securing, restore)
            : secureOpen(connection, info, securing, restore)
        }
      ),
    resolve: (host) => shared.path.names.resolve(host),
    ...(tlsInTlsRefusal === undefined ? {} : { tlsInTlsRefusal })
  }
}

/** A connector whose caches live as long as it is used. */
export const make = (options: NodeConnectorOptions = {}): Effect.Effect<Connector["Service"]> =>
  makeWith({ name: "node", connectionOver: (opened) => new NodeConnection(opened) }, options)

/** `Connector` on `node:net` and `node:tls`, with defaults. */
export const layer: Layer.Layer<Connector> = Layer.effect(Connector, make())

/** `layer` with options. */
export const layerWith = (options: NodeConnectorOptions): Layer.Layer<Connector> =>
  Layer.effect(Connector, make(options))
