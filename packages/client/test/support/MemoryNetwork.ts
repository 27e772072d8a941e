/**
 * Connections in memory for specs of time: nothing happens on them but what the test does, and the turns after our own
 * calls pass by themselves.
 */
import { Connector, type ConnectPhase } from "@weir/transport"
import { Clock, Effect, Layer } from "effect"
import { MemoryConnection } from "../../../../test/support/MemoryConnection.ts"

export class NetworkConnection extends MemoryConnection {
  isReferenced = true
  /** Its descriptor is given back when this resolves. */
  released: Promise<void> | undefined

  /** What was written since it was last asked for. */
  take(): string {
    return this.writes.splice(0).join("")
  }

  override resume(): void {
    super.resume()
    queueMicrotask(() => this.settle())
  }

  override close(): void {
    super.close()
    queueMicrotask(() => this.settle())
  }

  override ref(): void {
    this.isReferenced = true
  }

  override unref(): void {
    this.isReferenced = false
  }

  /** The peer answers with `Content-Length`. */
  answer(body: string, fields = ""): void {
    this.send(`HTTP/1.1 200 OK\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`)
  }
}

export class MemoryNetwork {
  /** All that were ever opened, in order. */
  readonly connections: Array<NetworkConnection> = []
  /** Connects that have begun and not ended. */
  diallingCount = 0
  /** Connects go no further than this phase. */
  stuckIn: ConnectPhase | undefined

  /** The connection opened as the `number`th, from 1. */
  connection(number: number): NetworkConnection {
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
            const connection = new NetworkConnection()
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
