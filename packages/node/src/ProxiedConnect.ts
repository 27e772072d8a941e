/**
 * One connect through a proxy: to the proxy, through its handshake, and on to TLS with the target if that is asked for.
 *
 * TLS with an `https` proxy and the handshake are one phase, `proxy`. Whatever exit it has but success, nothing is left
 * open: an interrupted connect returns when the connection to the proxy is closed.
 */
import { isIP } from "node:net"
import {
  type Connection,
  type ConnectionHandler,
  type ConnectionInfo,
  type ConnectObserver,
  connectOwned,
  formatProxy,
  formatTarget,
  httpConnect,
  inOneStep,
  type ProxyServer,
  type Restore,
  socks5,
  Target,
  type TransportError,
  type TunnelFailure,
  type TunnelHandshake,
  transportError
} from "@weir/transport"
import { Clock, Effect, Exit } from "effect"
import { contradictionIn } from "./contradictionIn.ts"
import { unsupported } from "./NodeErrors.ts"
import { TunnelConnection } from "./TunnelConnection.ts"

type Connect = (target: Target.Target, observer?: ConnectObserver) => Effect.Effect<Connection, TransportError>

/**
 * How to go on once the tunnel is open: TLS over the connection to the proxy, which is paused. It is run uninterruptibly:
 * only what it restores can be interrupted, and whatever exit it has but success, the connection is closed.
 */
export type Secure = (
  connection: Connection,
  info: ConnectionInfo,
  observer: ConnectObserver | undefined,
  restore: Restore
) => Effect.Effect<Connection, TransportError>

/** What a runtime's layer can do for it. */
export interface ProxyLayer {
  readonly connect: Connect
  /** As `connect`, where the connection will be given to `Secure`. */
  readonly connectToSecure: Connect
  /** Looks at the TLS options of a target, before anything is dialled. */
  readonly prepareTls: (target: Target.Target, tls: Target.TlsOptions) => Effect.Effect<Secure, TransportError>
  /** The addresses of a name, at least one. */
  readonly resolve: (host: string) => Effect.Effect<ReadonlyArray<string>, TransportError>
  /** Why TLS within TLS cannot be had, and what to do instead; absent: it can. */
  readonly tlsInTlsRefusal?: string
}

/** Connects to a target through a proxy, with a layer's own sockets. */
export const connectThrough = (
  layer: ProxyLayer,
  target: Target.Target,
  proxy: ProxyServer,
  observer?: ConnectObserver
): Effect.Effect<Connection, TransportError> =>
  Effect.suspend(() => {
    let opened: Connection | undefined
    const opening = openThrough(layer, target, proxy, observer, (connection) => {
      opened = connection
      return connection
    })
    return inOneStep(
      opening,
      Effect.suspend(() => (opened === undefined ? Effect.void : closed(opened)))
    )
  })

/** `own` takes the connection in the step that opens it. */
const openThrough = (
  layer: ProxyLayer,
  target: Target.Target,
  proxy: ProxyServer,
  observer: ConnectObserver | undefined,
  own: (connection: Connection) => Connection
): Effect.Effect<Connection, TransportError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const { address, localAddress, tls } = target
      const where = formatTarget(target)
      const isProxySecured = proxy._tag === "Http" && proxy.tls !== undefined
      const refusal =
        contradictionIn(target) ?? (isProxySecured && tls !== undefined ? layer.tlsInTlsRefusal : undefined)
      if (refusal !== undefined || address._tag === "Unix") {
        return yield* Effect.fail(unsupported(refusal ?? "a Unix socket has no proxy", "proxy", where))
      }
      const secure = tls === undefined ? undefined : yield* restore(layer.prepareTls(target, tls))
      const handshake = yield* restore(prepareHandshake(layer, address, proxy, where, observer))
      const connect = secure === undefined ? layer.connect : layer.connectToSecure
      const hop = {
        address: proxy.address,
        ...(proxy._tag === "Http" && proxy.tls !== undefined ? { tls: proxy.tls } : {}),
        ...(localAddress === undefined ? {} : { localAddress })
      }
      const toProxy = yield* Effect.mapError(connectOwned(connect(hop, observerOfHop(observer)), restore), (error) =>
        hopError(error, where)
      )
      if (!isProxySecured) observer?.enterPhase("proxy")
      const clock = yield* Clock.Clock
      const startNanos = clock.monotonicTimeNanosUnsafe()
      const negotiation = new Negotiation(toProxy, handshake, where)
      const rest = yield* Effect.onExit(restore(negotiation.run), (exit) =>
        Exit.isSuccess(exit) ? Effect.void : negotiation.abandon
      )
      const handshakeMillis = Number(clock.monotonicTimeNanosUnsafe() - startNanos) / 1e6
      const info = infoOf(toProxy.info, proxy, handshakeMillis)
      if (secure === undefined) return own(new TunnelConnection(toProxy, info, where, rest))
      if (rest.length > 0) {
        yield* negotiation.abandon
        const detail = `the proxy sent ${rest.length} bytes of its own where the target's TLS was to begin`
        return yield* Effect.fail(transportError({ reason: "ProxyRefused", phase: "proxy", address: where, detail }))
      }
      return own(yield* secure(toProxy, info, observer, restore))
    })
  )

/** What will be said to the proxy, after a look-up of the target's name if that is ours to do. */
const prepareHandshake = (
  layer: ProxyLayer,
  address: Target.TcpAddress,
  proxy: ProxyServer,
  where: string,
  observer: ConnectObserver | undefined
): Effect.Effect<TunnelHandshake, TransportError> => {
  const begin = (handshake: TunnelHandshake | TunnelFailure): Effect.Effect<TunnelHandshake, TransportError> =>
    "kind" in handshake ? Effect.fail(tunnelError(handshake, where)) : Effect.succeed(handshake)
  if (proxy._tag === "Http") return begin(httpConnect(proxy, address))
  if (proxy.namesAreResolvedBy === "proxy" || isIP(address.host) !== 0) return begin(socks5(proxy, address))
  return Effect.suspend(() => {
    observer?.enterPhase("dns")
    return Effect.flatMap(layer.resolve(address.host), ([host = address.host]) =>
      begin(socks5(proxy, Target.tcp(host, address.port)))
    )
  })
}

/** Closes a connection that nobody reads, and waits until it is closed. */
const closed = (connection: Connection): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const ignore = (): void => {}
    // Only a connection with a reader tells of its end.
    connection.attach({ onData: ignore, onEnd: ignore, onDrain: ignore, onClose: () => resume(Effect.void) })
    connection.close()
  })

class Negotiation implements ConnectionHandler {
  readonly #connection: Connection
  readonly #handshake: TunnelHandshake
  readonly #address: string
  #resume: (result: Effect.Effect<Uint8Array, TransportError>) => void = () => {}
  #isSettled = false
  #isClosed = false
  #onClosed: () => void = () => {}

  constructor(connection: Connection, handshake: TunnelHandshake, address: string) {
    this.#connection = connection
    this.#handshake = handshake
    this.#address = address
  }

  /** What has come through the tunnel already; the connection is paused. */
  readonly run: Effect.Effect<Uint8Array, TransportError> = Effect.callback((resume) => {
    this.#resume = resume
    this.#connection.attach(this)
    this.#connection.write(this.#handshake.greeting)
  })

  /** Closes the connection and waits until it is closed. */
  readonly abandon: Effect.Effect<void> = Effect.callback((resume) => {
    this.#isSettled = true
    this.#onClosed = () => resume(Effect.void)
    if (this.#isClosed) this.#onClosed()
    // Only a connection with a reader tells of its end.
    this.#connection.attach(this)
    this.#connection.close()
  })

  onData(chunk: Uint8Array): void {
    if (this.#isSettled) return
    const step = this.#handshake.receive(chunk)
    switch (step._tag) {
      case "More":
        if (step.send !== undefined) this.#connection.write(step.send)
        return
      case "Open":
        this.#connection.pause()
        // Borrowed; and `slice` copies nothing where it is a Buffer.
        this.#settle(Effect.succeed(new Uint8Array(step.rest)))
        return
      case "Failed":
        this.#settle(Effect.fail(tunnelError(step.failure, this.#address)))
    }
  }

  onEnd(): void {
    this.#fail("the proxy closed the connection before the tunnel was open")
  }

  onDrain(): void {
    // The proxy speaks next.
  }

  onClose(error: TransportError | undefined): void {
    this.#isClosed = true
    this.#fail("the connection to the proxy was lost before the tunnel was open", error)
    this.#onClosed()
  }

  #fail(detail: string, error?: TransportError): void {
    const about = error === undefined ? {} : { detail: `${detail}: ${error.detail}`, cause: error.cause }
    const code = error?.code === undefined ? {} : { code: error.code }
    const fields = {
      reason: "ProxyRefused",
      phase: "proxy",
      address: this.#address,
      detail,
      ...about,
      ...code
    } as const
    this.#settle(Effect.fail(transportError(fields)))
  }

  #settle(result: Effect.Effect<Uint8Array, TransportError>): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#resume(result)
  }
}

/** TLS with the proxy is a part of the phase `proxy`; the phase `tls` is the target's. */
const observerOfHop = (observer: ConnectObserver | undefined): ConnectObserver => ({
  enterPhase: (phase) => observer?.enterPhase(phase === "tls" ? "proxy" : phase)
})

/** The proxy could not be reached. */
const hopError = (error: TransportError, where: string): TransportError =>
  transportError({
    ...error,
    phase: error.phase === "tls" ? "proxy" : error.phase,
    address: where,
    detail: `the proxy: ${error.detail}`
  })

const tunnelError = ({ detail, kind, status }: TunnelFailure, where: string): TransportError =>
  transportError({
    reason: kind === "unsupported" ? "Unsupported" : "ProxyRefused",
    phase: "proxy",
    address: where,
    ...(status === undefined ? {} : { proxyStatus: status }),
    detail
  })

/** Of the connection to the proxy, what is true of the one through it. */
const infoOf = (hop: ConnectionInfo, proxy: ProxyServer, handshakeMillis: number): ConnectionInfo => {
  const { alpn: _alpn, timing, tls: _tls, ...rest } = hop
  const { tlsMillis = 0, ...before } = timing
  return { ...rest, proxy: formatProxy(proxy), timing: { ...before, proxyMillis: tlsMillis + handshakeMillis } }
}
