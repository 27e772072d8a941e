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
import type { Connection, ConnectObserver, ConnectPath, ConnectPhase } from "@weir/transport"
import { inOneStep, reach, Target, type TransportError } from "@weir/transport"
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
  readonly path: ConnectPath
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
    const { address, localAddress, tls } = target
    const isName = address._tag === "Tcp" && isIP(address.host) === 0
    const phases = new Phases(isName ? "dns" : "tcp", clock, observer)
    const contradiction = contradictionIn(target)
    if (contradiction !== undefined) {
      return Effect.fail(unsupported(contradiction, phases.current, Target.formatAddress(address)))
    }
    let tlsSetup: TlsSetup | undefined
    try {
      tlsSetup = tls === undefined ? undefined : shared.tls.setup(tls, address)
    } catch (cause) {
      return Effect.fail(unusableTlsOptions(cause, Target.formatAddress(address)))
    }
    phases.begin()
    if (address._tag === "Unix" || !isName) return new Attempt(shared, target, tlsSetup, phases).open()
    let reached: Attempt | undefined
    const reaching = reach(shared.path, {
      address,
      localAddress,
      onResolved: () => phases.enter("tcp"),
      attempt: (ip, label) => new Attempt(shared, target, tlsSetup, phases, { ip, label }).connect(),
      discard: (attempt) => attempt.abandon
    })
    const opening = Effect.flatMap(reaching, (attempt) => {
      reached = attempt
      return attempt.finish()
    })
    const close = Effect.suspend(() => reached?.abandon ?? Effect.void)
    return inOneStep(opening, close)
  })

type Resume<A> = (result: Effect.Effect<A, TransportError>) => void

/**
 * One address being tried. TLS connects its own socket, so the two steps, connected and secure, are of one socket; of
 * several attempts of a name only the one that wins takes the second.
 */
class Attempt {
  readonly #shared: DialShared
  readonly #target: Target.Target
  readonly #tlsSetup: TlsSetup | undefined
  readonly #phases: Phases
  readonly #address: string
  /** Which address of the target's name is tried; absent where the target has none but its own. */
  readonly #tried: { readonly ip: string; readonly label: string } | undefined
  readonly #inbound = new Inbound(() => this.#socket?.resume())
  #socket: Socket | undefined
  /** What happens when the socket is connected, in phase tcp, and when it is ready to be used. */
  #onConnected: () => void = () => this.#secure()
  #onReady: Resume<Connection> = () => {}
  #onFailed: Resume<never> = () => {}
  /** Also of an attempt that failed between its two steps, when nobody listened. */
  #failure: TransportError | undefined
  #isConnected = false
  /** The second step has begun. */
  #isSecuring = false
  #isSecure: boolean

  constructor(
    shared: DialShared,
    target: Target.Target,
    tlsSetup: TlsSetup | undefined,
    phases: Phases,
    tried?: { readonly ip: string; readonly label: string }
  ) {
    this.#shared = shared
    this.#target = target
    this.#tlsSetup = tlsSetup
    this.#isSecure = tlsSetup === undefined
    this.#phases = phases
    this.#tried = tried
    this.#address = Target.formatAddress(target.address)
  }

  /** Both steps. */
  open(): Effect.Effect<Connection, TransportError> {
    return Effect.callback<Connection, TransportError>((resume) => {
      this.#onReady = resume
      this.#start(resume)
      return this.abandon
    })
  }

  /** The first step; after it the attempt is the caller's to `finish` or to `abandon`. */
  connect(): Effect.Effect<Attempt, TransportError> {
    return Effect.callback<Attempt, TransportError>((resume) => {
      this.#onConnected = () => resume(Effect.succeed(this))
      this.#start(resume)
      return this.abandon
    })
  }

  /** The second. */
  finish(): Effect.Effect<Connection, TransportError> {
    return Effect.callback<Connection, TransportError>((resume) => {
      this.#onReady = resume
      this.#onFailed = resume
      if (this.#failure === undefined) this.#secure()
      else resume(Effect.fail(this.#failure))
      return this.abandon
    })
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

  #start(onFailed: Resume<never>): void {
    this.#onFailed = onFailed
    try {
      this.#socket = this.#makeSocket()
    } catch (cause) {
      // An argument that Node refuses.
      this.#fail(connectError(cause, "tcp", this.#label))
      return
    }
    // Node would read as soon as the connection is open; until there is a reader, nothing may be read.
    this.#socket.pause()
    this.#listen(this.#socket)
  }

  #makeSocket(): Socket {
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
        callback: (byteCount: number, buffer: Uint8Array): boolean =>
          inbound.receive(buffer.subarray(0, byteCount), byteCount === buffer.length)
      },
      ...(address._tag === "Unix"
        ? { path: address.path }
        : {
            host: this.#tried?.ip ?? address.host,
            port: address.port,
            ...(localAddress === undefined ? {} : { localAddress })
          })
    }
    return this.#tlsSetup === undefined ? netConnect(options) : tlsConnect({ ...options, ...this.#tlsSetup.options })
  }

  #listen(socket: Socket): void {
    socket.on("error", this.#onError)
    socket.on("close", this.#onClose)
    socket.once("connect", () => {
      this.#isConnected = true
      this.#onConnected()
    })
    const setup = this.#tlsSetup
    if (setup === undefined) return
    socket.once("secureConnect", () => {
      // The handshake had to read; from here on only a reader does.
      socket.pause()
      this.#isSecure = true
      if (this.#isSecuring) this.#succeed(socket)
    })
    // TLS 1.3 gives sessions at any time after the handshake, so this listener stays.
    const { tls } = this.#shared
    socket.on("session", (session: Buffer) => tls.keepSession(setup, session))
  }

  /** Connected: what is left is the handshake, if there is one. */
  #secure(): void {
    this.#isSecuring = true
    if (this.#tlsSetup !== undefined) this.#phases.enter("tls")
    if (this.#isSecure && this.#socket !== undefined) this.#succeed(this.#socket)
  }

  readonly #onError = (cause: unknown): void => {
    if (this.#phase === "tls" && this.#tlsSetup !== undefined) this.#shared.tls.forgetSession(this.#tlsSetup)
    this.#fail(connectError(cause, this.#phase, this.#label))
  }

  /** After an error this comes second and changes nothing. */
  readonly #onClose = (): void => this.#fail(closedWhileOpening(this.#phase, this.#label))

  /** The attempt's own, which may be further than the connect as a whole. */
  get #phase(): ConnectPhase {
    return this.#isConnected && this.#tlsSetup !== undefined ? "tls" : "tcp"
  }

  /** Of several addresses each is called by itself, until one has won. */
  get #label(): string {
    return this.#isSecuring ? this.#address : (this.#tried?.label ?? this.#address)
  }

  #fail(error: TransportError): void {
    this.#failure ??= error
    this.#socket?.destroy()
    this.#onFailed(Effect.fail(error))
  }

  #succeed(socket: Socket): void {
    this.#phases.end()
    const { address, tls } = this.#target
    const alpn = socket instanceof TLSSocket ? socket.alpnProtocol : undefined
    const info = {
      layer: this.#shared.layerName,
      remoteAddress: address._tag === "Unix" ? address.path : (this.#tried?.ip ?? socket.remoteAddress ?? address.host),
      ...(address._tag === "Unix" || this.#tried === undefined ? {} : { resolvedFrom: address.host }),
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
    this.#onReady(Effect.succeed(connection))
  }
}
