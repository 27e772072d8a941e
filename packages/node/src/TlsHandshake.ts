/**
 * The handshake of TLS by `node:tls` over a stream that is open: what the layers have in common that secure a connection
 * which they already have.
 */
import type { Duplex } from "node:stream"
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from "node:tls"
import type { Connection, ConnectionInfo, ConnectObserver, Target } from "@weir/transport"
import { formatTarget, type TransportError, transportError } from "@weir/transport"
import { type Clock, Effect } from "effect"
import type { OpenedSocket } from "./NodeConnection.ts"
import { closedWhileOpening, type connectError } from "./NodeErrors.ts"
import { type NodeTls, type TlsSetup, tlsInfoOf } from "./NodeTls.ts"
import { Phases } from "./Phases.ts"

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

/** A socket after its handshake; who reads it decides how it is read. */
export type SecuredSocket = Omit<OpenedSocket, "inbound">

/** What the handshake goes over. */
export interface LowerStream {
  readonly stream: Duplex
  /** Why the stream broke, where it knows better than TLS does. */
  readonly failure?: () => TransportError | undefined
  /** The TLS socket has been made. */
  readonly onStarted?: (socket: TLSSocket) => void
  /** Makes the connection that is to be used. */
  readonly secured: (opened: SecuredSocket) => Connection
}

/** What TLS sockets take without saying so in their types. */
interface SocketOptions {
  readonly allowHalfOpen: boolean
  /** As low as it goes, so that `drain` announces the end of every queue: see `NodeConnection`. */
  readonly highWaterMark: number
}

/** One handshake. */
export class TlsHandshake {
  readonly #lower: LowerStream
  readonly #info: ConnectionInfo
  readonly #securing: Securing
  readonly #address: string
  readonly #phases: Phases
  #socket: TLSSocket | undefined
  #resume: (result: Effect.Effect<Connection, TransportError>) => void = () => {}

  constructor(lower: LowerStream, info: ConnectionInfo, securing: Securing, clock: Clock.Clock) {
    this.#lower = lower
    this.#info = info
    this.#securing = securing
    this.#address = formatTarget(securing.target)
    this.#phases = new Phases("tls", clock, securing.observer)
  }

  /** To be run once. */
  readonly run: Effect.Effect<Connection, TransportError> = Effect.callback((resume) => {
    this.#resume = resume
    if (this.#lower.stream.destroyed) return this.#onClose()
    this.#phases.begin()
    try {
      this.#start()
    } catch (cause) {
      // An option that node:tls refuses.
      this.#resume(Effect.fail(this.#securing.connectError(cause, "tcp", this.#address)))
    }
  })

  /** Closes the socket and the stream, and waits until the stream is closed. */
  readonly abandon: Effect.Effect<void> = Effect.callback((resume) => {
    const { stream } = this.#lower
    this.#socket?.destroy()
    stream.destroy()
    if (stream.closed) resume(Effect.void)
    else stream.once("close", () => resume(Effect.void))
  })

  #start(): void {
    const { nodeTls, setup } = this.#securing
    const options: ConnectionOptions & SocketOptions = {
      ...setup.options,
      socket: this.#lower.stream,
      allowHalfOpen: true,
      highWaterMark: 1
    }
    const socket = tlsConnect(options)
    this.#socket = socket
    socket.on("error", this.#onError)
    socket.on("close", this.#onClose)
    socket.once("secureConnect", () => this.#succeed(socket))
    // TLS 1.3 gives sessions at any time after the handshake, so this listener stays.
    socket.on("session", (session: Buffer) => nodeTls.keepSession(setup, session))
    this.#lower.onStarted?.(socket)
  }

  readonly #onError = (cause: unknown): void => {
    this.#securing.nodeTls.forgetSession(this.#securing.setup)
    const failure = this.#lower.failure?.()
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
    const info = this.#info
    const { alpnProtocol } = socket
    const connection = this.#lower.secured({
      info: {
        ...info,
        ...(typeof alpnProtocol === "string" && alpnProtocol !== "" ? { alpn: alpnProtocol } : {}),
        tls: tlsInfoOf(socket, this.#securing.tls),
        timing: { ...info.timing, ...this.#phases.timing }
      },
      socket,
      kind: "tls",
      address: this.#address
    })
    socket.off("error", this.#onError)
    socket.off("close", this.#onClose)
    this.#resume(Effect.succeed(connection))
  }
}
