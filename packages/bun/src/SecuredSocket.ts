/**
 * TLS over a socket of `node:net` that is open already: the tunnel of a proxy.
 *
 * Over any other stream than a socket of its own, Bun ends the connection when the peer ends its side, and says that bytes
 * have left that have not (seen on 1.4.5).
 */
import type { Socket } from "node:net"
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from "node:tls"
import { closedWhileOpening, Inbound, Phases, type Securing, tlsInfoOf } from "@weir/node/sockets"
import { type Connection, type ConnectionInfo, formatTarget, type Restore, type TransportError } from "@weir/transport"
import { Clock, Effect, Exit } from "effect"
import { connectionOver } from "./connectionOver.ts"
import { nativeSocketOf } from "./NativeSocket.ts"

/**
 * Secures a paused socket that nobody listens to. To be run uninterruptibly; whatever exit it has but success, the socket
 * has been closed.
 */
export const secureSocket = (
  socket: Socket,
  info: ConnectionInfo,
  securing: Securing,
  restore: Restore
): Effect.Effect<Connection, TransportError> =>
  Clock.clockWith((clock) => {
    const handshake = new Handshake(socket, info, securing, clock)
    return Effect.onExit(restore(handshake.run), (exit) => (Exit.isSuccess(exit) ? Effect.void : handshake.abandon))
  })

/** What TLS sockets take without saying so in their types. */
interface SocketOptions {
  readonly allowHalfOpen: boolean
  /** As low as it goes, so that `drain` announces the end of every queue: see `NodeConnection`. */
  readonly highWaterMark: number
}

class Handshake {
  readonly #below: Socket
  readonly #info: ConnectionInfo
  readonly #securing: Securing
  readonly #address: string
  readonly #phases: Phases
  #socket: TLSSocket | undefined
  #resume: (result: Effect.Effect<Connection, TransportError>) => void = () => {}

  constructor(below: Socket, info: ConnectionInfo, securing: Securing, clock: Clock.Clock) {
    this.#below = below
    this.#info = info
    this.#securing = securing
    this.#address = formatTarget(securing.target)
    this.#phases = new Phases("tls", clock, securing.observer)
  }

  readonly run: Effect.Effect<Connection, TransportError> = Effect.callback((resume) => {
    this.#resume = resume
    if (this.#below.destroyed) return this.#onClose()
    this.#phases.begin()
    try {
      this.#start()
    } catch (cause) {
      // An option that node:tls refuses.
      this.#resume(Effect.fail(this.#securing.connectError(cause, "tcp", this.#address)))
    }
  })

  /** Closes both sockets and waits until the lower one is closed. */
  readonly abandon: Effect.Effect<void> = Effect.callback((resume) => {
    const below = this.#below
    this.#socket?.destroy()
    below.destroy()
    if (below.closed) resume(Effect.void)
    else below.once("close", () => resume(Effect.void))
  })

  #start(): void {
    const { setup } = this.#securing
    const options: ConnectionOptions & SocketOptions = {
      ...setup.options,
      socket: this.#below,
      allowHalfOpen: true,
      highWaterMark: 1
    }
    const socket = tlsConnect(options)
    this.#socket = socket
    socket.on("error", this.#onError)
    socket.on("close", this.#onClose)
    socket.once("secureConnect", () => this.#succeed(socket))
    // TLS 1.3 gives sessions at any time after the handshake, so this listener stays.
    socket.on("session", (session: Buffer) => this.#securing.nodeTls.keepSession(setup, session))
    this.#below.on("error", (cause: Error) => socket.destroy(cause))
  }

  readonly #onError = (cause: unknown): void => {
    this.#securing.nodeTls.forgetSession(this.#securing.setup)
    this.#resume(Effect.fail(this.#securing.connectError(cause, "tls", this.#address)))
  }

  /** After an error this comes second and changes nothing. */
  readonly #onClose = (): void => this.#resume(Effect.fail(closedWhileOpening("tls", this.#address)))

  #succeed(socket: TLSSocket): void {
    this.#phases.end()
    // The handshake had to read; from here on only a reader does.
    socket.pause()
    // The stream alone would let the native socket read on.
    nativeSocketOf(socket)?.pause()
    const { tls } = this.#securing
    const info = this.#info
    const { alpnProtocol } = socket
    const inbound = new Inbound(() => socket.resume())
    socket.on("data", (chunk: Uint8Array) => {
      if (!inbound.receive(chunk)) socket.pause()
    })
    const connection = connectionOver({
      info: {
        ...info,
        ...(typeof alpnProtocol === "string" && alpnProtocol !== "" ? { alpn: alpnProtocol } : {}),
        tls: tlsInfoOf(socket, tls),
        timing: { ...info.timing, ...this.#phases.timing }
      },
      socket,
      kind: "tls",
      address: this.#address,
      inbound
    })
    socket.off("error", this.#onError)
    socket.off("close", this.#onClose)
    this.#resume(Effect.succeed(connection))
  }
}
