/**
 * TLS by the runtime's `node:tls` over a connection that is open: on Deno every one, on Node those in a proxy's tunnel.
 *
 * A `node:tls` socket goes on reading while it is paused, and takes an end for news before there is a reader; so here it
 * always flows, and the connection below is paused instead. Deno's own `startTls` is not used: a TLS connection that is
 * closed during the handshake, or while it still sends, keeps its descriptor until the peer lets go, and it says neither
 * version nor cipher.
 */
import type { Socket } from "node:net"
import { setImmediate } from "node:timers"
import { type Connection, type ConnectionInfo, inOneStep, type Restore, type TransportError } from "@weir/transport"
import { Clock, Effect, Exit } from "effect"
import { encodeLatin1 } from "./encodeLatin1.ts"
import { Inbound } from "./Inbound.ts"
import { NodeConnection, type OpenedSocket } from "./NodeConnection.ts"
import { PlainStream } from "./PlainStream.ts"
import { type SecuredSocket, type Securing, TlsHandshake } from "./TlsHandshake.ts"

/** Opens a plain connection and makes it secure. Whatever exit it has but success, the plain one has been closed. */
export const secure = (
  openPlain: Effect.Effect<Connection, TransportError>,
  securing: Securing
): Effect.Effect<Connection, TransportError> =>
  Clock.clockWith((clock) => {
    let handshake: TlsHandshake | undefined
    const close = Effect.suspend(() => handshake?.abandon ?? Effect.void)
    // Nothing may come between these two: the plain connection would be nobody's if the fiber were interrupted there.
    const opening = Effect.flatMap(openPlain, (plain) => {
      handshake = handshakeOver(plain, { ...plain.info, layer: `${plain.info.layer}+node:tls` }, securing, clock)
      return handshake.run
    })
    return inOneStep(
      Effect.onError(opening, () => close),
      close
    )
  })

/**
 * Makes an open plain connection, which may be paused, secure; `info` is what is known of it so far. To be run
 * uninterruptibly; whatever exit it has but success, the plain one has been closed.
 */
export const secureOpen = (
  plain: Connection,
  info: ConnectionInfo,
  securing: Securing,
  restore: Restore
): Effect.Effect<Connection, TransportError> =>
  Clock.clockWith((clock) => {
    const handshake = handshakeOver(plain, info, securing, clock)
    plain.resume()
    return Effect.onExit(restore(handshake.run), (exit) => (Exit.isSuccess(exit) ? Effect.void : handshake.abandon))
  })

/** A handshake over a plain connection, which until then had nobody to read it. */
const handshakeOver = (plain: Connection, info: ConnectionInfo, securing: Securing, clock: Clock.Clock) => {
  const stream = new PlainStream(plain)
  const lower = {
    stream,
    failure: () => stream.failure,
    secured: (opened: SecuredSocket) => {
      // The handshake had to read; from here on only a reader does.
      plain.pause()
      return new TlsConnection(plain, stream, { ...opened, inbound: new Inbound(() => plain.resume()) })
    }
  }
  return new TlsHandshake(lower, info, securing, clock)
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
