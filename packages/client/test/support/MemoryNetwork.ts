/**
 * Connections in memory that keep the promises of the socket contract, for specs of time: nothing happens on them but
 * what the test does.
 *
 * Events come only when the test makes the peer act, or in the turn after one of our own calls; so never inside a call.
 * What is read is lent: the memory is overwritten when `onData` returns.
 */
import { Buffer } from "node:buffer"
import {
  type Connection,
  type ConnectionHandler,
  type ConnectionInfo,
  Connector,
  type ConnectPhase,
  type TransportError,
  transportError
} from "@weir/transport"
import { Clock, Effect, Layer } from "effect"

export class MemoryConnection implements Connection {
  readonly info: ConnectionInfo = {
    layer: "memory",
    remoteAddress: "192.0.2.1",
    remotePort: 80,
    localAddress: "192.0.2.2",
    localPort: 40_000,
    timing: {}
  }
  isOpen = true
  isPaused = false
  /** What `write` answers; false until `drain`. */
  isFlowing = true
  isReferenced = true
  /** Its descriptor is given back when this resolves. */
  released: Promise<void> | undefined
  /** What was written since the last `take`, as Latin-1. */
  #written = ""
  #handler: ConnectionHandler | undefined
  #isClosedByUs = false
  #hasTold = false
  /** What the peer did while we were paused. */
  readonly #waiting: Array<() => void> = []

  /** What was written since it was last asked for. */
  take(): string {
    const written = this.#written
    this.#written = ""
    return written
  }

  attach(handler: ConnectionHandler): void {
    this.#handler = handler
  }

  write(chunk: Uint8Array | string): boolean {
    if (this.#isClosedByUs || this.#hasTold) return false
    this.#written += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("latin1")
    return this.isFlowing
  }

  end(): void {
    this.isOpen = false
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
    queueMicrotask(() => this.#settle())
  }

  close(): void {
    if (this.#isClosedByUs) return
    this.#isClosedByUs = true
    this.isOpen = false
    queueMicrotask(() => this.#tellClosed(undefined))
  }

  reset(): void {
    this.close()
  }

  ref(): void {
    this.isReferenced = true
  }

  unref(): void {
    this.isReferenced = false
  }

  /** The peer sends octets, given as Latin-1. */
  send(text: string): void {
    this.#event(() => {
      const chunk = Buffer.from(text, "latin1")
      this.#handler?.onData(chunk)
      chunk.fill(0xee)
    })
  }

  /** The peer answers with `Content-Length`. */
  answer(body: string, fields = ""): void {
    this.send(`HTTP/1.1 200 OK\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`)
  }

  /** The peer sends FIN. */
  finish(): void {
    this.#event(() => {
      this.isOpen = false
      this.#handler?.onEnd()
    })
  }

  /** The peer sends RST; it reaches even a paused reader. */
  breakDown(): void {
    this.isOpen = false
    const address = "192.0.2.1:80"
    this.#tellClosed(transportError({ reason: "Reset", phase: "io", address, detail: "the peer reset the connection" }))
  }

  /** What was queued has left. */
  drain(): void {
    this.isFlowing = true
    this.#event(() => this.#handler?.onDrain())
  }

  #settle(): void {
    while (!this.isPaused && this.#waiting.length > 0) this.#waiting.shift()?.()
  }

  #event(deliver: () => void): void {
    this.#waiting.push(() => {
      if (!this.#isClosedByUs && !this.#hasTold) deliver()
    })
    this.#settle()
  }

  #tellClosed(error: TransportError | undefined): void {
    if (this.#hasTold) return
    this.#hasTold = true
    this.#handler?.onClose(error)
  }
}

export class MemoryNetwork {
  /** All that were ever opened, in order. */
  readonly connections: Array<MemoryConnection> = []
  /** Connects that have begun and not ended. */
  diallingCount = 0
  /** Connects go no further than this phase. */
  stuckIn: ConnectPhase | undefined

  /** The connection opened as the `number`th, from 1. */
  connection(number: number): MemoryConnection {
    const connection = this.connections[number - 1]
    if (connection === undefined) throw new Error(`${this.connections.length} connections were opened, not ${number}`)
    return connection
  }

  get openCount(): number {
    return this.connections.filter(({ isOpen }) => isOpen).length
  }

  readonly layer: Layer.Layer<Connector> = Layer.effect(
    Connector,
    Effect.map(Clock.Clock, (clock) =>
      Connector.of({
        runtime: "memory",
        capabilities: {
          unixSockets: false,
          tls: false,
          serverName: false,
          clientCertificates: false,
          unverifiedTls: false,
          sessionResumption: false,
          localAddress: false,
          reset: true,
          unref: true,
          proxies: false,
          tlsInTls: false
        },
        backgroundClock: clock,
        connect: (_target, observer) =>
          Effect.suspend(() => {
            this.diallingCount++
            const { stuckIn } = this
            for (const phase of ["dns", "tcp", "tls"] as const) {
              observer?.enterPhase(phase)
              if (phase === stuckIn) return Effect.never
            }
            const connection = new MemoryConnection()
            this.connections.push(connection)
            return Effect.succeed(connection)
          }).pipe(
            Effect.onExit(() =>
              Effect.sync(() => {
                this.diallingCount--
              })
            )
          )
      })
    )
  )
}
