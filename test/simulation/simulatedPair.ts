/**
 * Both ends of a simulated connection, as the suite that every runtime's sockets are held to asks for them.
 */
import { createHash } from "node:crypto"
import { type SimulatedConnection, SimulatedNetwork, Simulation } from "@weir/testkit"
import { type ConnectionHandler, Target, type TransportError } from "@weir/transport"
import { Effect, type Scope } from "effect"
import type { Pair } from "../conformance/Pair.ts"
import type { PeerSocket } from "../conformance/peer/Peer.ts"
import { bytesOf, type Greeting, type Payload, type Received } from "../conformance/peer/Protocol.ts"
import { Reader, watched } from "../conformance/Reader.ts"

/** Beyond its handshake a simulated TLS connection is a simulated TCP connection. */
export const simulatedKinds = ["tcp"] as const

const port = 80

/** Far more steps than a turn of the event loop brings on a real socket, and few enough to let the suite have its turn. */
const stepsPerTurn = 200

/** The simulation goes on with the event loop that the suite waits in, for as long as the scope lasts. */
const driven = Effect.acquireRelease(
  Effect.sync(() => {
    const simulation = new Simulation({ seed: 1 })
    let isOver = false
    const turn = () => {
      if (isOver) return
      for (let count = 0; count < stepsPerTurn && simulation.step(); count++) {
        // Each turn of this loop is one step.
      }
      setImmediate(turn)
    }
    setImmediate(turn)
    return {
      simulation,
      stop: () => {
        isOver = true
      }
    }
  }),
  ({ stop }) => Effect.sync(stop)
)

export const simulatedConnect = (
  _kind: (typeof simulatedKinds)[number],
  greeting?: Greeting
): Effect.Effect<Pair, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const { simulation } = yield* driven
    const network = new SimulatedNetwork(simulation, { pieceByteCountMax: 65_536, windowByteCount: 1_048_576 })
    let accepted: PeerEnd | undefined
    const accept = (connection: SimulatedConnection) => {
      accepted = new PeerEnd(connection, greeting)
    }
    network.listen("localhost", port, accept)
    const connection = yield* network.connector.connect({ address: Target.tcp("localhost", port) })
    const reader = new Reader()
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        connection.close()
        if (reader.heardTooEarly.length > 0) throw new Error(`heard too early: ${reader.heardTooEarly.join()}`)
        if (reader.heard.length === 0) return
        yield* reader.untilHeard("close")
        if (reader.heard.indexOf("close") !== reader.heard.length - 1) throw new Error(`heard ${reader.heard.join()}`)
      })
    )
    while (accepted === undefined) yield* Effect.sleep(1)
    return { connection: watched(connection, reader), reader, peer: accepted.socket, port: 0 }
  })

/** The peer's end, which reads only when it is asked to. */
class PeerEnd implements ConnectionHandler {
  private readonly connection: SimulatedConnection
  private readonly greeting: Greeting | undefined
  private onChunk: (chunk: Buffer) => void = () => {}
  private isEnded = false
  private ending: string | undefined
  private readonly waiting = new Set<() => void>()
  readonly socket: PeerSocket

  constructor(connection: SimulatedConnection, greeting: Greeting | undefined) {
    this.connection = connection
    this.greeting = greeting
    const isSpeakingLater = greeting !== undefined && greeting !== "absorb" && "onceSpokenTo" in greeting
    if (!isSpeakingLater) connection.pause()
    connection.attach(this)
    if (greeting !== undefined && greeting !== "absorb" && "sendAndEnd" in greeting) {
      connection.write(bytesOf(greeting.sendAndEnd))
      connection.end()
    }
    const { remoteAddress, remotePort } = connection.info
    this.socket = {
      socket: 0,
      remoteAddress,
      remotePort,
      write: (bytes) =>
        Effect.suspend(() => {
          connection.write(payload(bytes))
          return this.until(() => connection.queuedByteCount === 0)
        }),
      startWrite: (bytes) => Effect.sync(() => connection.write(payload(bytes))),
      end: (bytes) =>
        Effect.sync(() => {
          if (bytes !== undefined) connection.write(payload(bytes))
          connection.end()
        }),
      destroy: Effect.sync(() => connection.close()),
      reset: Effect.sync(() => connection.reset()),
      queuedByteCount: Effect.sync(() => connection.queuedByteCount),
      nextText: Effect.suspend(() => this.next),
      received: (byteCountMax = Number.POSITIVE_INFINITY) => this.receive(byteCountMax, false),
      receivedSlowly: this.receive(Number.POSITIVE_INFINITY, true),
      ended: Effect.suspend(() => {
        connection.resume()
        return Effect.map(
          this.until(() => this.ending !== undefined),
          () => this.ending ?? ""
        )
      })
    }
  }

  onData(chunk: Uint8Array): void {
    const { greeting } = this
    if (greeting !== undefined && greeting !== "absorb" && "onceSpokenTo" in greeting) {
      if (greeting.onceSpokenTo === "end") this.connection.end()
      else this.connection.reset()
    }
    this.onChunk(Buffer.from(chunk))
    this.wake()
  }

  onEnd(): void {
    this.isEnded = true
    this.ending ??= "FIN"
    this.wake()
  }

  onDrain(): void {
    this.wake()
  }

  onClose(error: TransportError | undefined): void {
    this.ending ??= error?.code ?? "FIN"
    this.wake()
  }

  private receive(byteCountMax: number, isSlow: boolean): Effect.Effect<Received> {
    return Effect.suspend(() => {
      const { connection } = this
      const hash = createHash("sha256")
      let byteCount = 0
      this.onChunk = (chunk) => {
        hash.update(chunk)
        byteCount += chunk.length
        if (!isSlow) return
        connection.pause()
        setImmediate(() => connection.resume())
      }
      connection.resume()
      return Effect.map(
        this.until(() => this.isEnded || byteCount >= byteCountMax),
        () => ({ byteCount, sha256: hash.digest("hex") })
      )
    })
  }

  private get next(): Effect.Effect<string> {
    let text: string | undefined
    this.onChunk = (chunk) => {
      this.connection.pause()
      text = chunk.toString("latin1")
    }
    this.connection.resume()
    return Effect.map(
      this.until(() => text !== undefined),
      () => text ?? ""
    )
  }

  private until(isDone: () => boolean): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const look = () => {
        if (!isDone()) return
        this.waiting.delete(look)
        resume(Effect.void)
      }
      this.waiting.add(look)
      look()
    })
  }

  private wake(): void {
    for (const look of Array.from(this.waiting)) look()
  }
}

const payload = (bytes: string | Payload): Uint8Array => bytesOf(typeof bytes === "string" ? { latin1: bytes } : bytes)
