/**
 * A connection of the transport as the stream that Node's libraries speak over.
 *
 * It looks like a `net.Socket` as far as `node:http`, undici and the libraries on them look.
 */
import { Buffer } from "node:buffer"
import { Duplex } from "node:stream"
import type { Connection, ConnectionHandler, TransportError } from "@weir/transport"
import { systemError } from "./AdapterError.ts"
import { Inactivity } from "./Inactivity.ts"

export abstract class ConnectionSocket extends Duplex implements ConnectionHandler {
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
  /** Absent once the connection is no longer ours to touch. */
  #connection: Connection | undefined
  #isPaused = false
  /** Called when what was written last has left. */
  #afterDrain: (() => void) | undefined
  readonly #inactivity = new Inactivity(() => this.emit("timeout"))

  constructor(connection: Connection) {
    super({ allowHalfOpen: true })
    const { info } = connection
    this.#connection = connection
    this.encrypted = info.tls !== undefined
    this.authorized = info.tls?.isVerified ?? false
    this.remoteAddress = info.remoteAddress
    this.remotePort = info.remotePort
    this.remoteFamily = info.remoteAddress.includes(":") ? "IPv6" : "IPv4"
    this.localAddress = info.localAddress
    this.localPort = info.localPort
  }

  /** Closes the connection, or lets its owner close it. */
  protected abstract closeConnection(): void

  /** The connection, which the socket touches no more, whoever still holds it; absent if it is not usable as it is. */
  protected detach(): Connection | undefined {
    const connection = this.#connection
    if (connection === undefined) return undefined
    if (!connection.isOpen || this.readableLength > 0 || this.writableLength > 0 || this.destroyed) {
      this.destroy()
      return undefined
    }
    this.#connection = undefined
    this.setTimeout(0)
    if (this.#isPaused) connection.resume()
    return connection
  }

  // The connection's side.

  onData(chunk: Uint8Array): void {
    this.#inactivity.touch()
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
    this.#inactivity.touch()
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
    this.#inactivity.touch()
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
    if (listener !== undefined) this.removeListener("timeout", listener)
    if (listener !== undefined && millis > 0) this.once("timeout", listener)
    this.#inactivity.watch(millis)
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

  /** Closes the connection, if it is still ours. */
  #end(): void {
    this.setTimeout(0)
    if (this.#connection === undefined) return
    this.#connection = undefined
    this.#afterDrain = undefined
    this.closeConnection()
  }
}
