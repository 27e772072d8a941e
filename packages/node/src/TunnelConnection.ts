/**
 * A plain-text connection through the tunnel that a proxy has opened: the connection to the proxy, after the handshake.
 * What has come through the tunnel with the end of the handshake is the first that its reader hears.
 */
import { nextTick } from "node:process"
import {
  type Connection,
  type ConnectionHandler,
  type ConnectionInfo,
  type TransportError,
  transportError
} from "@weir/transport"
import { Inbound } from "./Inbound.ts"

export class TunnelConnection implements Connection {
  readonly info: ConnectionInfo
  readonly #toProxy: Connection
  /** What errors call the peer. */
  readonly #address: string
  readonly #inbound: Inbound
  /** A `write` of the tunnel's user has returned false and its `onDrain` is still to come. */
  #isDrainOwed = false
  /** That drain has come, before there was a reader. */
  #isDrainMissed = false

  /** Takes `toProxy` over, which has been paused. `rest` is copied. */
  constructor(toProxy: Connection, info: ConnectionInfo, address: string, rest: Uint8Array) {
    this.info = info
    this.#toProxy = toProxy
    this.#address = address
    this.#inbound = new Inbound(() => toProxy.resume())
    if (rest.length > 0) this.#inbound.receive(rest)
    toProxy.attach({
      onData: (chunk) => {
        if (!this.#inbound.receive(chunk)) toProxy.pause()
      },
      onEnd: () => this.#inbound.receiveEnd(),
      onDrain: () => this.#onDrain(),
      onClose: (error) => this.#inbound.receiveClose(error === undefined ? undefined : this.#readdress(error))
    })
  }

  get isOpen(): boolean {
    return this.#toProxy.isOpen
  }

  get hasMore(): boolean {
    return this.#inbound.hasMore || this.#toProxy.hasMore
  }

  get released(): Promise<void> | undefined {
    return this.#toProxy.released
  }

  attach(handler: ConnectionHandler): void {
    const isFirst = this.#inbound.handler === undefined
    this.#inbound.attach(handler)
    // What happened before there was a reader is told now, but not inside this call (promise 1).
    if (isFirst && this.#isDrainMissed) {
      nextTick(() => {
        if (this.#isDrainMissed) this.#onDrain()
      })
    }
  }

  write(chunk: Uint8Array | string): boolean {
    const isTaken = this.#toProxy.write(chunk)
    if (!isTaken) {
      this.#isDrainOwed = true
      this.#isDrainMissed = false
    }
    return isTaken
  }

  end(): void {
    this.#isDrainOwed = false
    this.#toProxy.end()
  }

  pause(): void {
    this.#inbound.pause()
    this.#toProxy.pause()
  }

  resume(): void {
    this.#inbound.resume()
  }

  close(): void {
    this.#inbound.discard()
    this.#toProxy.close()
  }

  reset(): void {
    this.#inbound.discard()
    this.#toProxy.reset()
  }

  ref(): void {
    this.#toProxy.ref()
  }

  unref(): void {
    this.#toProxy.unref()
  }

  #onDrain(): void {
    const { handler } = this.#inbound
    // It may be the handshake's, which nobody waits for any more.
    if (!this.#isDrainOwed) return
    this.#isDrainMissed = handler === undefined
    if (handler === undefined) return
    this.#isDrainOwed = false
    handler.onDrain()
  }

  #readdress(error: TransportError): TransportError {
    return transportError({ ...error, address: this.#address })
  }
}
