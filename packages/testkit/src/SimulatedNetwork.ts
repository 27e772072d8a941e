/**
 * A network inside a simulation: names, listeners, and a `Connector` that dials them.
 *
 * `Layer.succeed(Connector, network.connector)` puts it in the place of a runtime's sockets.
 */
import { Connector, type Target, type TransportReason, transportError } from "@weir/transport"
import { Effect, Exit } from "effect"
import type { Chance } from "./Chance.ts"
import { SimulatedConnection, type Wire } from "./SimulatedConnection.ts"
import type { Simulation } from "./Simulation.ts"

/** How often what goes wrong on the network, as shares of all dials. */
export interface NetworkOptions extends Partial<Wire> {
  /** Dials that are answered by nothing at all. Default 0. */
  readonly blackHoleRatio?: number
  /** Dials that are refused though somebody listens. Default 0. */
  readonly refusedRatio?: number
  /** A look-up of a name takes up to this long. Default 1. */
  readonly dnsMillisMax?: number
}

/** Gets each connection that is made to where it listens. */
export type Accept = (connection: SimulatedConnection) => void

export class SimulatedNetwork {
  /** Every connection ever made, by both its ends. */
  readonly connections: Array<{ readonly client: SimulatedConnection; readonly server: SimulatedConnection }> = []
  /** Ends that have not closed. */
  openEndCount = 0
  /** Dials that ended in nothing, by why. */
  readonly failedDialCounts = { blackHole: 0, refused: 0, unknownName: 0 }
  readonly connector: typeof Connector.Service
  private readonly listeners = new Map<string, Accept>()
  private readonly names = new Map<string, string>()
  private readonly simulation: Simulation
  private readonly options: NetworkOptions
  private readonly wire: Wire
  private readonly chance: Chance

  constructor(simulation: Simulation, options: NetworkOptions = {}) {
    this.simulation = simulation
    this.options = options
    this.chance = simulation.chance.fork("network")
    const { latencyMillisMax = 5, latencyMillisMin = 1, pieceByteCountMax = 1460, windowByteCount = 65_536 } = options
    this.wire = { latencyMillisMin, latencyMillisMax, pieceByteCountMax, windowByteCount }
    this.connector = Connector.of({
      runtime: "simulated",
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
      backgroundClock: simulation.clock,
      connect: (target, observer) => this.connect(target, (phase) => observer?.enterPhase(phase))
    })
  }

  /** Answers at an address; the result stops answering. */
  listen(address: string, port: number, accept: Accept): () => void {
    const key = `${address}:${port}`
    this.listeners.set(key, accept)
    return () => {
      this.listeners.delete(key)
    }
  }

  /** Lets a name stand for an address, from now on; `undefined`: for none. A host without a name is its own address. */
  setName(name: string, address: string | undefined): void {
    this.names.set(name, address ?? "")
  }

  private connect(
    target: Target.Target,
    enterPhase: (phase: "dns" | "tcp") => void
  ): ReturnType<(typeof Connector.Service)["connect"]> {
    const { address } = target
    if (address._tag === "Unix")
      return fail("Unsupported", "tcp", address.path, "the simulated network has no Unix sockets")
    const { host, port } = address
    const where = `${host}:${port}`
    if (target.tls !== undefined) return fail("Unsupported", "tls", where, "the simulated network has no TLS")
    if (target.proxy !== undefined) return fail("Unsupported", "tcp", where, "the simulated network has no proxies")
    return Effect.uninterruptibleMask((restore) => {
      let opened: SimulatedConnection | undefined
      const dialled = Effect.gen({ self: this }, function* () {
        enterPhase("dns")
        yield* Effect.sleep(this.chance.between(0, this.options.dnsMillisMax ?? 1))
        const ip = this.names.get(host) ?? host
        if (ip === "") {
          this.failedDialCounts.unknownName++
          return yield* fail("DnsFailed", "dns", where, "the name has no address")
        }
        enterPhase("tcp")
        yield* Effect.sleep(this.chance.between(this.wire.latencyMillisMin, this.wire.latencyMillisMax))
        if (this.chance.isHit(this.options.blackHoleRatio ?? 0)) {
          this.failedDialCounts.blackHole++
          return yield* Effect.never
        }
        const accept = this.listeners.get(`${ip}:${port}`)
        if (accept === undefined || this.chance.isHit(this.options.refusedRatio ?? 0)) {
          this.failedDialCounts.refused++
          return yield* fail("Refused", "tcp", where, "nothing listens there")
        }
        opened = this.open(ip, port, accept)
        return opened
      })
      return Effect.onExit(restore(dialled), (exit) =>
        Effect.sync(() => {
          if (Exit.isFailure(exit)) opened?.close()
        })
      )
    })
  }

  private open(address: string, port: number, accept: Accept): SimulatedConnection {
    const number = this.connections.length + 1
    const local = { localAddress: "10.0.0.1", localPort: 10_000 + (number % 50_000) }
    const gone = () => {
      this.openEndCount--
    }
    const make = (
      side: string,
      info: { remoteAddress: string; remotePort: number; localAddress: string; localPort: number }
    ) =>
      new SimulatedConnection(
        this.simulation,
        this.chance.fork(side, number),
        this.wire,
        { layer: "simulated", timing: {}, ...info },
        gone
      )
    const client = make("client", { remoteAddress: address, remotePort: port, ...local })
    const server = make("server", {
      remoteAddress: local.localAddress,
      remotePort: local.localPort,
      localAddress: address,
      localPort: port
    })
    client.join(server)
    server.join(client)
    this.openEndCount += 2
    this.connections.push({ client, server })
    this.simulation.after(this.wire.latencyMillisMin, () => {
      accept(server)
    })
    return client
  }
}

const fail = (reason: TransportReason, phase: "dns" | "tcp" | "tls", address: string, detail: string) =>
  Effect.fail(transportError({ reason, phase, address, detail }))
