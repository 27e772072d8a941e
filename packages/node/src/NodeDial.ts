/**
 * One connect, from the target to an open connection or an error that names its phase.
 *
 * Exactly one of three ends comes first and wins: the connection opens, something fails, or the fiber is interrupted. The
 * last two destroy the socket, so that it cannot open any more, and of two results an effect takes only the first.
 * Whatever exit the effect has but success, no socket is left open: an interrupted connect returns after its socket's
 * `close` event.
 */

import type { Socket } from "node:net"
import { isIP, connect as netConnect } from "node:net"
import { TLSSocket, connect as tlsConnect } from "node:tls"
import type { Connection, ConnectObserver } from "@weir/transport"
import { Target, type TransportError } from "@weir/transport"
import { Clock, Effect } from "effect"
import { contradictionIn } from "./contradictionIn.ts"
import { Inbound } from "./Inbound.ts"
import type { OpenedSocket } from "./NodeConnection.ts"
import { closedWhileOpening, connectError, unsupported, unusableTlsOptions } from "./NodeErrors.ts"
import { type NodeTls, type TlsSetup, tlsInfoOf } from "./NodeTls.ts"
import { Phases } from "./Phases.ts"

/** How long a TCP connection is silent before the system probes the peer. */
const keepAliveMillis = 60_000

/** What all connects of one connector share. */
export interface DialShared {
  readonly layerName: string
  readonly tls: NodeTls
  /** Where every connection's reads land, one at a time: each is handed over before the next begins. */
  readonly readBuffer: Uint8Array
  /** Makes the connection. It may take over the socket, but must leave it able to close the connection by `destroy`. */
  readonly connectionOver: (opened: OpenedSocket) => Connection
}

export const dial = (
  shared: DialShared,
  target: Target.Target,
  observer: ConnectObserver | undefined
): Effect.Effect<Connection, TransportError> =>
  Clock.clockWith((clock) => {
    const attempt = new Attempt(shared, target, observer, clock)
    return Effect.callback<Connection, TransportError>((resume) => {
      attempt.start(resume)
      return attempt.abandon
    })
  })

class Attempt {
  readonly #shared: DialShared
  readonly #target: Target.Target
  readonly #address: string
  readonly #inbound = new Inbound(() => this.#socket?.resume())
  readonly #phases: Phases
  #resume: (result: Effect.Effect<Connection, TransportError>) => void = () => {}
  #tlsSetup: TlsSetup | undefined
  #socket: Socket | undefined

  constructor(shared: DialShared, target: Target.Target, observer: ConnectObserver | undefined, clock: Clock.Clock) {
    this.#shared = shared
    this.#target = target
    this.#address = Target.formatAddress(target.address)
    const isName = target.address._tag === "Tcp" && isIP(target.address.host) === 0
    this.#phases = new Phases(isName ? "dns" : "tcp", clock, observer)
  }

  start(resume: (result: Effect.Effect<Connection, TransportError>) => void): void {
    this.#resume = resume
    const refusal = this.#dial()
    if (refusal !== undefined) this.#fail(refusal)
  }

  /**
   * Interrupted: closes what was opened and waits until it is closed. That may be a connection that was handed to the
   * fiber, if the fiber yielded before it took it.
   */
  readonly abandon: Effect.Effect<void> = Effect.callback<void>((resume) => {
    const socket = this.#socket
    if (socket === undefined || socket.closed) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void))
    socket.destroy()
  })

  /** Starts to connect; what shows at once to be impossible is returned. */
  #dial(): TransportError | undefined {
    const { address, tls } = this.#target
    const contradiction = contradictionIn(this.#target)
    if (contradiction !== undefined) return unsupported(contradiction, this.#phases.current, this.#address)
    if (tls !== undefined) {
      try {
        this.#tlsSetup = this.#shared.tls.setup(tls, address)
      } catch (cause) {
        return unusableTlsOptions(cause, this.#address)
      }
    }
    this.#phases.begin()
    try {
      this.#socket = this.#open()
    } catch (cause) {
      // An argument that Node refuses, before it asks the resolver.
      return connectError(cause, "tcp", this.#address)
    }
    // Node would read as soon as the connection is open; until there is a reader, nothing may be read.
    this.#socket.pause()
    this.#listen(this.#socket)
    return undefined
  }

  #open(): Socket {
    const { address, localAddress } = this.#target
    const inbound = this.#inbound
    const options = {
      allowHalfOpen: true,
      highWaterMark: 1,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveMillis,
      onread: {
        buffer: this.#shared.readBuffer,
        // False, and nothing is read on: a `pause` in the tick of the first `resume` does not keep Node from it.
        callback: (byteCount: number, buffer: Uint8Array): boolean => inbound.receive(buffer.subarray(0, byteCount))
      },
      ...(address._tag === "Unix"
        ? { path: address.path }
        : {
            host: address.host,
            port: address.port,
            autoSelectFamily: true,
            // Bound to an address of one family, a name has to resolve to the same family.
            ...(localAddress === undefined ? {} : { localAddress, family: isIP(localAddress) })
          })
    }
    return this.#tlsSetup === undefined ? netConnect(options) : tlsConnect({ ...options, ...this.#tlsSetup.options })
  }

  #listen(socket: Socket): void {
    socket.on("error", this.#onError)
    socket.on("close", this.#onClose)
    // Told once per address that the name has.
    socket.on("lookup", (error: Error | null) => {
      if (error === null && this.#phases.current === "dns") this.#phases.enter("tcp")
    })
    const setup = this.#tlsSetup
    if (setup === undefined) {
      socket.once("connect", () => this.#succeed(socket))
      return
    }
    socket.once("connect", () => this.#phases.enter("tls"))
    socket.once("secureConnect", () => {
      // The handshake had to read; from here on only a reader does.
      socket.pause()
      this.#succeed(socket)
    })
    // TLS 1.3 gives sessions at any time after the handshake, so this listener stays.
    const { tls } = this.#shared
    socket.on("session", (session: Buffer) => tls.keepSession(setup, session))
  }

  readonly #onError = (cause: unknown): void => {
    if (this.#tlsSetup !== undefined && this.#phases.current === "tls") this.#shared.tls.forgetSession(this.#tlsSetup)
    this.#fail(connectError(cause, this.#phases.current, this.#address))
  }

  /** After an error this comes second and changes nothing. */
  readonly #onClose = (): void => this.#fail(closedWhileOpening(this.#phases.current, this.#address))

  #fail(error: TransportError): void {
    this.#socket?.destroy()
    this.#resume(Effect.fail(error))
  }

  #succeed(socket: Socket): void {
    this.#phases.end()
    const { address, tls } = this.#target
    const alpn = socket instanceof TLSSocket ? socket.alpnProtocol : undefined
    const info = {
      layer: this.#shared.layerName,
      remoteAddress: address._tag === "Unix" ? address.path : (socket.remoteAddress ?? address.host),
      remotePort: address._tag === "Unix" ? 0 : address.port,
      localAddress: socket.localAddress ?? "",
      localPort: socket.localPort ?? 0,
      ...(typeof alpn === "string" && alpn !== "" ? { alpn } : {}),
      ...(socket instanceof TLSSocket && tls !== undefined ? { tls: tlsInfoOf(socket, tls) } : {}),
      timing: this.#phases.timing
    }
    const kind = tls !== undefined ? "tls" : address._tag === "Tcp" ? "tcp" : "unix"
    const opened: OpenedSocket = { info, socket, kind, address: this.#address, inbound: this.#inbound }
    const connection = this.#shared.connectionOver(opened)
    socket.off("error", this.#onError)
    socket.off("close", this.#onClose)
    this.#resume(Effect.succeed(connection))
  }
}
