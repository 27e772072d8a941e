/**
 * TLS by the runtime's `node:tls` over a connection that is open: on Deno every one, on Node those in a proxy's tunnel.
 *
 * A `node:tls` socket goes on reading while it is paused, and takes an end for news before there is a reader; so here it
 * always flows, and the connection below is paused instead. On Deno there is more to avoid: its own `startTls` is not used: a TLS connection that is closed during the handshake, or while it still sends, keeps
 * its descriptor until the peer lets go, and it says neither version nor cipher.
 */
import type { Socket } from "node:net"
import { setImmediate } from "node:timers"
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from "node:tls"
import type { Connection, ConnectionInfo, ConnectObserver, Restore, Target } from "@weir/transport"
import { formatTarget, inOneStep, type TransportError, transportError } from "@weir/transport"
import { Clock, Effect, Exit } from "effect"
import { encodeLatin1 } from "./encodeLatin1.ts"
import { Inbound } from "./Inbound.ts"
import { NodeConnection, type OpenedSocket } from "./NodeConnection.ts"
import { closedWhileOpening, type connectError } from "./NodeErrors.ts"
import { type NodeTls, type TlsSetup, tlsInfoOf } from "./NodeTls.ts"
import { Phases } from "./Phases.ts"
import { PlainStream } from "./PlainStream.ts"

/** What is secured, and for whom. */
export interface Securing {
  readonly target: Target.Target
  readonly tls: Target.TlsOptions
  readonly setup: TlsSetup
  /** Keeps the sessions that the peer gives. */
  readonly nodeTls: NodeTls
  /** What the runtime's errors mean. */
  readonly connectError: typeof connectError
  readonly observer: ConnectObserver | undefined
}

/** Opens a plain connection and makes it secure. Whatever exit it has but success, the plain one has been closed. */
export const secure = (
  openPlain: Effect.Effect<Connection, TransportError>,
  securing: Securing
): Effect.Effect<Connection, TransportError> =>
  Clock.clockWith((clock) => {
    let handshake: Handshake | undefined
    const close = Effect.suspend(() => handshake?.abandon ?? Effect.void)
    // Nothing may come between these two: the plain connection would be nobody's if the fiber were interrupted there.
    const opening = Effect.flatMap(openPlain, (plain) => {
      handshake = new Handshake(plain, { ...plain.info, layer: `${plain.info.layer}+node:tls` }, securing, clock)
      return handshake.run
    })
    return inOneStep(
      Effect.onError(opening, () => close),
      close
    )
  })

/**
 * Makes an open plain connection, which may be paused, secure; `info` is what is known of it so far. To be run uninterruptibly; whatever exit it
 * has but success, the plain one has been closed.
 */
export const secureOpen = (
  plain: Connection,
  info: ConnectionInfo,
  securing: Securing,
  restore: Restore
): Effect.Effect<Connection, TransportError> =>
  Clock.clockWith((clock) => {
    const handshake = new Handshake(plain, info, securing, clock)
    plain.resume()
    return Effect.onExit(restore(handshake.run), (exit) => (Exit.isSuccess(exit) ? Effect.void : handshake.abandon))
  })

/** What TLS sockets take without saying so in their types. */
interface SocketOptions {
  readonly allowHalfOpen: boolean
  /** As low as it goes, so that `drain` announces the end of every queue: see `NodeConnection`. */
  readonly highWaterMark: number
}

class Handshake {
  readonly #plain: Connection
  readonly #info: ConnectionInfo
  readonly #securing: Securing
  readonly #address: string
  readonly #phases: Phases
  readonly #stream: PlainStream
  #socket: TLSSocket | undefined
  #resume: (result: Effect.Effect<Connection, TransportError>) => void = () => {}

  constructor(plain: Connection, info: ConnectionInfo, securing: Securing, clock: Clock.Clock) {
    this.#plain = plain
    this.#info = info
    this.#securing = securing
    this.#address = formatTarget(securing.target)
    this.#phases = new Phases("tls", clock, securing.observer)
    this.#stream = new PlainStream(plain)
  }

  readonly run: Effect.Effect<Connection, TransportError> = Effect.callback((resume) => {
    this.#resume = resume
    this.#phases.begin()
    try {
      this.#start()
    } catch (cause) {
      // An option that node:tls refuses.
      this.#resume(Effect.fail(this.#securing.connectError(cause, "tcp", this.#address)))
    }
  })

  /** Closes the plain connection and waits until it is closed. */
  readonly abandon: Effect.Effect<void> = Effect.callback((resume) => {
    this.#socket?.destroy()
    this.#stream.destroy()
    if (this.#stream.closed) resume(Effect.void)
    else this.#stream.once("close", () => resume(Effect.void))
  })

  #start(): void {
    const options: ConnectionOptions & SocketOptions = {
      ...this.#securing.setup.options,
      socket: this.#stream,
      allowHalfOpen: true,
      highWaterMark: 1
    }
    const socket = tlsConnect(options)
    this.#socket = socket
    socket.on("error", this.#onError)
    socket.on("close", this.#onClose)
    socket.once("secureConnect", () => this.#succeed(socket))
    const { nodeTls, setup } = this.#securing
    // TLS 1.3 gives sessions at any time after the handshake, so this listener stays.
    socket.on("session", (session: Buffer) => nodeTls.keepSession(setup, session))
  }

  readonly #onError = (cause: unknown): void => {
    this.#securing.nodeTls.forgetSession(this.#securing.setup)
    const { failure } = this.#stream
    const error =
      failure === undefined
        ? this.#securing.connectError(cause, "tls", this.#address)
        : transportError({ ...failure, phase: "tls", address: this.#address })
    this.#resume(Effect.fail(error))
  }

  /** After an error this comes second and changes nothing. */
  readonly #onClose = (): void => this.#resume(Effect.fail(closedWhileOpening("tls", this.#address)))

  #succeed(socket: TLSSocket): void {
    this.#phases.end()
    // The handshake had to read; from here on only a reader does.
    this.#plain.pause()
    const { alpnProtocol } = socket
    const info = this.#info
    const connection = new TlsConnection(this.#plain, this.#stream, {
      info: {
        ...info,
        ...(typeof alpnProtocol === "string" && alpnProtocol !== "" ? { alpn: alpnProtocol } : {}),
        tls: tlsInfoOf(socket, this.#securing.tls),
        timing: { ...info.timing, ...this.#phases.timing }
      },
      socket,
      kind: "tls",
      address: this.#address,
      inbound: new Inbound(() => this.#plain.resume())
    })
    socket.off("error", this.#onError)
    socket.off("close", this.#onClose)
    this.#resume(Effect.succeed(connection))
  }
}

class TlsConnection extends NodeConnection {
  readonly #plain: Connection
  readonly #stream: PlainStream
  readonly #inbound: Inbound
  #released: Promise<void> | undefined

  constructor(plain: Connection, stream: PlainStream, opened: OpenedSocket) {
    super(opened)
    this.#plain = plain
    this.#stream = stream
    this.#inbound = opened.inbound
    opened.socket.on("data", (chunk: Uint8Array) => opened.inbound.receive(chunk))
  }

  /** The stream below is closed when the plain connection is. */
  override get released(): Promise<void> | undefined {
    if (!this.isClosing || this.#stream.closed) return undefined
    this.#released ??= new Promise((resolve) => this.#stream.once("close", resolve))
    return this.#released
  }

  override pause(): void {
    this.#inbound.pause()
    this.#plain.pause()
  }

  /** Deno's TLS would write a string as UTF-8 when it writes several chunks at once. */
  override write(chunk: Uint8Array | string): boolean {
    return super.write(typeof chunk === "string" ? encodeLatin1(chunk) : chunk)
  }

  override ref(): void {
    this.#plain.ref()
  }

  override unref(): void {
    this.#plain.unref()
  }

  /** Deno's TLS writes the close_notify in a later turn. */
  protected override destroy(socket: Socket): void {
    socket.end()
    setImmediate(() => socket.destroy())
  }
}
