/**
 * A leased connection as the stream that `node:http` speaks over, for one request.
 *
 * It looks like a `net.Socket` as far as `node:http` and the libraries on it look. It holds the lease until it is given
 * back, is destroyed, or the connection ends; after `giveBack` it touches the connection no more, whoever still holds it.
 */
import { Buffer } from "node:buffer"
import { Duplex } from "node:stream"
import type { HttpPeer } from "@weir/client"
import type { Lease } from "@weir/core"
import type { Connection, ConnectionHandler, TransportError } from "@weir/transport"
import { Clock, Context, Effect, type Fiber } from "effect"
import { systemError } from "./AdapterError.ts"

export class LeasedSocket extends Duplex implements ConnectionHandler {
  /** `node:http` waits for `connect` where this is true. */
  readonly connecting = false
  readonly pending = false
  readonly encrypted: boolean
  readonly authorized: boolean
  readonly remoteAddress: string
  readonly remotePort: number
  readonly remoteFamily: "IPv4" | "IPv6"
  readonly localAddress: string
  readonly localPort: number
  bytesRead = 0
  bytesWritten = 0
  /** Milliseconds without traffic after which `timeout` is emitted; 0: never. */
  timeout = 0
  readonly #lease: Lease<HttpPeer>
  /** Absent once the connection is no longer ours to touch. */
  #connection: Connection | undefined
  #isPaused = false
  /** Called when what was written last has left. */
  #afterDrain: (() => void) | undefined
  #activeAtMillis = 0
  #timer: Fiber.Fiber<void> | undefined

  constructor(lease: Lease<HttpPeer>) {
    super({ allowHalfOpen: true })
    const { session } = lease.connection
    const { info } = session.connection
    this.#lease = lease
    this.#connection = session.connection
    this.encrypted = info.tls !== undefined
    this.authorized = info.tls?.isVerified ?? false
    this.remoteAddress = info.remoteAddress
    this.remotePort = info.remotePort
    this.remoteFamily = info.remoteAddress.includes(":") ? "IPv6" : "IPv4"
    this.localAddress = info.localAddress
    this.localPort = info.localPort
    session.lend(this)
    // What happened to the connection before it was lent is told to nobody any more.
    if (lease.connection.isClosed) this.onClose(undefined)
  }

  /**
   * Ends the use of a connection that is between two exchanges. What the server has said about how long it may still be
   * used goes with it. One that is in any other state is closed.
   */
  giveBack(keepAlive: string | undefined): void {
    const connection = this.#connection
    if (connection === undefined) return
    if (!connection.isOpen || this.readableLength > 0 || this.writableLength > 0 || this.destroyed) {
      this.destroy()
      return
    }
    this.#connection = undefined
    this.setTimeout(0)
    const peer = this.#lease.connection
    peer.limit(millisIn(keepAlive), countIn(keepAlive))
    peer.session.takeBack()
    if (this.#isPaused) connection.resume()
    this.#lease.release()
  }

  // The connection's side.

  onData(chunk: Uint8Array): void {
    this.#touch()
    this.bytesRead += chunk.length
    // The chunk is borrowed.
    if (this.push(Buffer.from(chunk))) return
    this.#isPaused = true
    this.#connection?.pause()
  }

  onEnd(): void {
    this.push(null)
  }

  onDrain(): void {
    this.#touch()
    const after = this.#afterDrain
    this.#afterDrain = undefined
    after?.()
  }

  onClose(error: TransportError | undefined): void {
    if (this.#connection === undefined) return
    this.#end()
    if (error === undefined && !this.readableEnded) this.push(null)
    this.destroy(error === undefined ? undefined : systemError(error, "ECONNRESET"))
  }

  // The stream's side.

  override _read(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#connection?.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    const connection = this.#connection
    if (connection === undefined) {
      done(new Error("the socket's connection has gone back to the pool, or is closed"))
      return
    }
    this.#touch()
    this.bytesWritten += chunk.length
    if (connection.write(chunk)) done()
    else this.#afterDrain = done
  }

  /** A head and the start of its body leave in one packet. */
  override _writev(
    pieces: Array<{ readonly chunk: Buffer; readonly encoding: BufferEncoding }>,
    done: (error?: Error) => void
  ): void {
    this._write(Buffer.concat(pieces.map(({ chunk }) => chunk)), "binary", done)
  }

  override _final(done: () => void): void {
    this.#connection?.end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#end()
    done(error)
  }

  // What is asked of a `net.Socket`.

  setTimeout(millis: number, listener?: () => void): this {
    this.timeout = millis
    this.#timer?.interruptUnsafe()
    this.#timer = undefined
    if (listener !== undefined) this.removeListener("timeout", listener)
    if (millis === 0) return this
    if (listener !== undefined) this.once("timeout", listener)
    this.#touch()
    this.#watch(millis)
    return this
  }

  /** Ends after what was written has left. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once("finish", () => this.destroy())
  }

  address(): { readonly address: string; readonly port: number; readonly family: string } {
    return { address: this.localAddress, port: this.localPort, family: this.remoteFamily }
  }

  /** The socket layer has it on already. */
  setNoDelay(): this {
    return this
  }

  /** The pool closes what has been idle for too long. */
  setKeepAlive(): this {
    return this
  }

  ref(): this {
    this.#connection?.ref()
    return this
  }

  unref(): this {
    this.#connection?.unref()
    return this
  }

  #touch(): void {
    if (this.timeout > 0) this.#activeAtMillis = clock.currentTimeMillisUnsafe()
  }

  #watch(millis: number): void {
    this.#timer = Effect.runFork(
      Effect.andThen(
        Effect.sleep(millis),
        Effect.sync(() => {
          const leftMillis = this.#activeAtMillis + this.timeout - clock.currentTimeMillisUnsafe()
          if (leftMillis > 0) this.#watch(leftMillis)
          else this.emit("timeout")
        })
      )
    )
  }

  /** Closes the connection, if it is still ours. */
  #end(): void {
    this.setTimeout(0)
    if (this.#connection === undefined) return
    this.#connection = undefined
    this.#afterDrain = undefined
    this.#lease.discard()
  }
}

const clock = Context.get(Context.empty(), Clock.Clock)

/** `timeout=5, max=100`, as servers write it. */
const millisIn = (keepAlive: string | undefined): number | undefined => {
  const seconds = /(?:^|[\s,])timeout=(\d{1,6})(?:$|[\s,])/i.exec(keepAlive ?? "")?.[1]
  return seconds === undefined ? undefined : Number(seconds) * 1000
}

const countIn = (keepAlive: string | undefined): number | undefined => {
  const count = /(?:^|[\s,])max=(\d{1,6})(?:$|[\s,])/i.exec(keepAlive ?? "")?.[1]
  return count === undefined ? undefined : Number(count)
}
