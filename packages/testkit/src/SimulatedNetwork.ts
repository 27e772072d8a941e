/**
 * A network inside a simulation: names, listeners, and a `Connector` that dials them.
 *
 * `Layer.succeed(Connector, network.connector)` puts it in the place of a runtime's sockets. TLS is a phase of the
 * connect that takes its round trips, checks names and trust, chooses the protocol, and can fail or stall; the bytes
 * after it are the same as without.
 */
import { Connector, type ConnectPhase, type Target, type TransportReason, transportError } from "@weir/transport"
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
  /** TLS handshakes that the peer breaks off. Default 0. */
  readonly tlsFailRatio?: number
  /** TLS handshakes that stop in the middle. Default 0. */
  readonly tlsStallRatio?: number
  /** A look-up of a name takes up to this long. Default 1. */
  readonly dnsMillisMax?: number
}

/** Gets each connection that is made to where it listens, after its handshake. */
export type Accept = (connection: SimulatedConnection) => void

/** A listener that speaks TLS. */
export interface ListenerTls {
  /** The names of its certificate. */
  readonly names: ReadonlyArray<string>
  /** Is the certificate from an authority that is trusted? Default true. */
  readonly isTrusted?: boolean
  /** Protocols that it offers; the first one that the client offers as well is chosen. Default: none. */
  readonly alpn?: ReadonlyArray<string>
}

interface Listener {
  readonly accept: Accept
  readonly tls: ListenerTls | undefined
}

/** Why dials came to nothing. */
export type DialFault =
  | "black-hole"
  | "refused"
  | "unknown-name"
  | "tls-failed"
  | "tls-stalled"
  | "certificate-rejected"

export class SimulatedNetwork {
  /** Every connection ever made, by both its ends. */
  readonly connections: Array<{ readonly client: SimulatedConnection; readonly server: SimulatedConnection }> = []
  /** Ends that have not closed. */
  openEndCount = 0
  /** Dials that ended in nothing, by why. */
  readonly dialFaults = new Map<DialFault, number>()
  readonly connector: typeof Connector.Service
  private readonly listeners = new Map<string, Listener>()
  private readonly names = new Map<string, string>()
  private readonly simulation: Simulation
  private readonly options: NetworkOptions
  private readonly wire: Wire
  private readonly chance: Chance

  constructor(simulation: Simulation, options: NetworkOptions = {}) {
    this.simulation = simulation
    this.options = options
    this.chance = simulation.chance.fork("network")
    this.wire = {
      latencyMillisMin: options.latencyMillisMin ?? 1,
      latencyMillisMax: options.latencyMillisMax ?? 5,
      pieceByteCountMax: options.pieceByteCountMax ?? 1460,
      windowByteCount: options.windowByteCount ?? 65_536,
      bytesPerMilli: options.bytesPerMilli ?? Number.POSITIVE_INFINITY
    }
    this.connector = Connector.of({
      runtime: "simulated",
      capabilities: {
        unixSockets: false,
        tls: true,
        serverName: true,
        clientCertificates: false,
        unverifiedTls: true,
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

  /** Answers at an address; the result stops answering new connections. */
  listen(address: string, port: number, accept: Accept, tls?: ListenerTls): () => void {
    const key = `${address}:${port}`
    this.listeners.set(key, { accept, tls })
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
    enterPhase: (phase: ConnectPhase) => void
  ): ReturnType<(typeof Connector.Service)["connect"]> {
    const lack = lackFor(target)
    const { address } = target
    if (lack !== undefined || address._tag === "Unix") {
      const where = address._tag === "Unix" ? address.path : address.host
      return fail("Unsupported", "tcp", where, `the simulated network has no ${lack ?? "Unix sockets"}`)
    }
    return Effect.uninterruptibleMask((restore) => {
      let attempt: Attempt | undefined
      const dialled = Effect.gen({ self: this }, function* () {
        const where = `${address.host}:${address.port}`
        const ip = yield* this.resolve(address.host, where, enterPhase)
        enterPhase("tcp")
        yield* this.oneWay()
        if (this.isHit("black-hole", this.options.blackHoleRatio)) return yield* Effect.never
        const listener = this.listeners.get(`${ip}:${address.port}`)
        if (listener === undefined || this.chance.isHit(this.options.refusedRatio ?? 0)) {
          this.note("refused")
          return yield* fail("Refused", "tcp", where, "nothing listens there")
        }
        const { tls } = target
        const alpn = tls === undefined ? undefined : choose(tls.alpn, listener.tls?.alpn)
        const isVerified = tls?.verification !== "unverified"
        attempt = this.open(ip, address.port, tls === undefined ? undefined : { alpn, isVerified })
        if (tls !== undefined) {
          enterPhase("tls")
          yield* this.handshake(tls, tls.serverName ?? address.host, listener.tls, where)
        }
        this.accepted(attempt, listener, tls !== undefined)
        return attempt.client
      })
      return Effect.onExit(restore(dialled), (exit) =>
        Effect.sync(() => {
          if (Exit.isSuccess(exit) || attempt === undefined) return
          attempt.client.close()
          // Whoever listens has not heard of it yet, and never will.
          if (!attempt.isAccepted) attempt.server.close()
        })
      )
    })
  }

  private resolve(host: string, where: string, enterPhase: (phase: ConnectPhase) => void) {
    return Effect.gen({ self: this }, function* () {
      enterPhase("dns")
      yield* Effect.sleep(this.chance.between(0, this.options.dnsMillisMax ?? 1))
      const ip = this.names.get(host) ?? host
      if (ip !== "") return ip
      this.note("unknown-name")
      return yield* fail("DnsFailed", "dns", where, "the name has no address")
    })
  }

  private handshake(tls: Target.TlsOptions, serverName: string, of: ListenerTls | undefined, where: string) {
    return Effect.gen({ self: this }, function* () {
      // One round trip, as in TLS 1.3.
      yield* this.oneWay()
      if (this.isHit("tls-stalled", this.options.tlsStallRatio)) return yield* Effect.never
      yield* this.oneWay()
      if (of === undefined || this.chance.isHit(this.options.tlsFailRatio ?? 0)) {
        this.note("tls-failed")
        const why = of === undefined ? "the peer speaks no TLS" : "the peer broke the handshake off"
        return yield* fail("TlsHandshakeFailed", "tls", where, why)
      }
      const isGood = of.isTrusted !== false && of.names.includes(serverName)
      if (isGood || tls.verification === "unverified") return
      this.note("certificate-rejected")
      const why = of.isTrusted === false ? "is from nobody that is trusted" : `is not for ${serverName}`
      return yield* fail("CertificateRejected", "tls", where, `the certificate ${why}`)
    })
  }

  private oneWay(): Effect.Effect<void> {
    return Effect.sleep(this.chance.between(this.wire.latencyMillisMin, this.wire.latencyMillisMax))
  }

  /** The listener hears of it a moment later. One that speaks TLS answers plain text with a reset. */
  private accepted(attempt: Attempt, { accept, tls }: Listener, isSecure: boolean): void {
    attempt.isAccepted = true
    const { server } = attempt
    this.simulation.after(this.wire.latencyMillisMin, () => {
      if (tls === undefined || isSecure) accept(server)
      else server.attach({ onData: () => server.reset(), onEnd: () => server.close(), onDrain() {}, onClose() {} })
    })
  }

  private open(
    address: string,
    port: number,
    tls: { readonly alpn: string | undefined; readonly isVerified: boolean } | undefined
  ): Attempt {
    const number = this.connections.length + 1
    const local = { address: "10.0.0.1", port: 10_000 + (number % 50_000) }
    const remote = { address, port }
    const ofTls =
      tls === undefined
        ? {}
        : {
            tls: { protocol: "TLSv1.3", cipher: "simulated", isResumed: false, isVerified: tls.isVerified },
            ...(tls.alpn === undefined ? {} : { alpn: tls.alpn })
          }
    const make = (side: string, from: typeof local, to: typeof local) =>
      new SimulatedConnection(
        this.simulation,
        this.chance.fork(side, number),
        this.wire,
        {
          layer: "simulated",
          timing: {},
          localAddress: from.address,
          localPort: from.port,
          remoteAddress: to.address,
          remotePort: to.port,
          ...ofTls
        },
        () => {
          this.openEndCount--
        }
      )
    const client = make("client", local, remote)
    const server = make("server", remote, local)
    client.join(server)
    server.join(client)
    this.openEndCount += 2
    this.connections.push({ client, server })
    return { client, server, isAccepted: false }
  }

  private isHit(fault: DialFault, ratio = 0): boolean {
    if (!this.chance.isHit(ratio)) return false
    this.note(fault)
    return true
  }

  private note(fault: DialFault): void {
    this.dialFaults.set(fault, (this.dialFaults.get(fault) ?? 0) + 1)
  }
}

interface Attempt {
  readonly client: SimulatedConnection
  readonly server: SimulatedConnection
  isAccepted: boolean
}

/** What is asked of the network and it does not have. */
const lackFor = ({ localAddress, proxy, tls }: Target.Target): string | undefined => {
  if (localAddress !== undefined) return "choice of local addresses"
  if (proxy !== undefined) return "proxies"
  return tls?.certificate === undefined ? undefined : "client certificates"
}

/** The server's preference decides. */
const choose = (offered: ReadonlyArray<string> = [], known: ReadonlyArray<string> = []): string | undefined =>
  known.find((protocol) => offered.includes(protocol))

const fail = (reason: TransportReason, phase: ConnectPhase, address: string, detail: string) =>
  Effect.fail(transportError({ reason, phase, address, detail }))
