/**
 * One connect in plain text, from the target to an open connection or an error that names its phase.
 *
 * A name is resolved by the system (`getaddrinfo`, so that /etc/hosts counts, which `Deno.resolveDns` does not read), and
 * its addresses are tried as RFC 8305 says: in turn between the families, each when its predecessor has failed or has been
 * silent for a while. The first that answers wins.
 *
 * Exactly one of three ends comes first and wins: a connection opens, the last address fails, or the fiber is interrupted.
 * From then on whatever still opens is closed at once. An interrupted connect returns when every descriptor is closed.
 */
import dns, { type LookupAddress } from "node:dns"
import { isIP } from "node:net"
import { clearTimeout, setTimeout } from "node:timers"
import { Phases } from "@weir/node/sockets"
import type { Connection, ConnectObserver } from "@weir/transport"
import { Target, type TransportError } from "@weir/transport"
import { Clock, Effect } from "effect"
import { DenoConnection } from "./DenoConnection.ts"
import { connectError } from "./DenoErrors.ts"
import { connectTcp, connectUnix, type DenoSocket } from "./DenoSocket.ts"
import type { LargeBuffers } from "./ReadBuffer.ts"

/** How long an address may be silent before the next one is tried beside it (RFC 8305 section 5). */
const attemptDelayMillis = 250

export const dial = (
  address: Target.Address,
  largeBuffers: LargeBuffers,
  observer: ConnectObserver | undefined
): Effect.Effect<Connection, TransportError> =>
  Clock.clockWith((clock) => {
    const isName = address._tag === "Tcp" && isIP(address.host) === 0
    const attempt = new Attempt(address, largeBuffers, new Phases(isName ? "dns" : "tcp", clock, observer))
    return Effect.callback<Connection, TransportError>((resume) => {
      attempt.start(resume)
      return attempt.abandon
    })
  })

class Attempt {
  readonly #address: Target.Address
  readonly #largeBuffers: LargeBuffers
  readonly #phases: Phases
  #resume: (result: Effect.Effect<Connection, TransportError>) => void = () => {}
  /** One of the three ends has come. */
  #isOver = false
  /** Each aborts a connect that is pending. */
  readonly #pending = new Set<AbortController>()
  /** Addresses that have not been tried, the next one first. */
  #untried: Array<string> = []
  #timer: NodeJS.Timeout | undefined
  readonly #failures: Array<unknown> = []
  #opened: Connection | undefined
  #onNonePending: () => void = () => {}

  constructor(address: Target.Address, largeBuffers: LargeBuffers, phases: Phases) {
    this.#address = address
    this.#largeBuffers = largeBuffers
    this.#phases = phases
  }

  start(resume: (result: Effect.Effect<Connection, TransportError>) => void): void {
    this.#resume = resume
    this.#phases.begin()
    const address = this.#address
    if (address._tag === "Unix") this.#open(() => connectUnix(address.path))
    else if (this.#phases.current === "dns") this.#resolve(address.host)
    else this.#tryAll([address.host])
  }

  /**
   * Interrupted: closes what was opened and waits until it is closed. That may be a connection that was handed to the
   * fiber, if the fiber yielded before it took it.
   */
  readonly abandon: Effect.Effect<void> = Effect.callback<void>((resume) => {
    this.#finish()
    this.#opened?.close()
    this.#onNonePending = () => {
      if (this.#pending.size === 0) resume(Effect.void)
    }
    this.#onNonePending()
  })

  #resolve(host: string): void {
    try {
      dns.lookup(host, { all: true }, (error, addresses) => {
        if (this.#isOver) return
        if (error !== null) this.#fail(error)
        else if (addresses.length === 0)
          this.#fail(Object.assign(new Error(`${host}: no address`), { code: "ENOTFOUND" }))
        else {
          this.#phases.enter("tcp")
          this.#tryAll(interleaveFamilies(addresses))
        }
      })
    } catch (cause) {
      // A permission that is missing.
      this.#fail(cause)
    }
  }

  #tryAll(hosts: ReadonlyArray<string>): void {
    this.#untried = [...hosts]
    this.#tryNext()
  }

  #tryNext(): void {
    clearTimeout(this.#timer)
    const address = this.#address
    // The observer may have interrupted the connect.
    if (this.#isOver || address._tag === "Unix") return
    const host = this.#untried.shift()
    if (host === undefined) return
    this.#open((signal) => connectTcp(host, address.port, signal))
    if (this.#untried.length > 0) this.#timer = setTimeout(() => this.#tryNext(), attemptDelayMillis)
  }

  #open(connect: (signal: AbortSignal) => Promise<DenoSocket>): void {
    if (this.#isOver) return
    const abort = new AbortController()
    this.#pending.add(abort)
    connect(abort.signal).then(
      (socket) => {
        this.#pending.delete(abort)
        if (this.#isOver) socket.close()
        else this.#succeed(socket)
        this.#onNonePending()
      },
      (cause: unknown) => {
        this.#pending.delete(abort)
        if (!this.#isOver) this.#onRefused(cause)
        this.#onNonePending()
      }
    )
  }

  #onRefused(cause: unknown): void {
    this.#failures.push(cause)
    if (this.#untried.length > 0) this.#tryNext()
    else if (this.#pending.size === 0)
      this.#fail(this.#failures.length === 1 ? cause : new AggregateError(this.#failures, "every address failed"))
  }

  #fail(cause: unknown): void {
    this.#finish()
    const address = Target.formatAddress(this.#address)
    this.#resume(Effect.fail(connectError(cause, this.#phases.current, address)))
  }

  #succeed(socket: DenoSocket): void {
    this.#finish()
    this.#phases.end()
    const address = this.#address
    const { localAddr, remoteAddr } = socket
    const info = {
      layer: "deno",
      remoteAddress: remoteAddr.transport === "tcp" ? remoteAddr.hostname : (remoteAddr.path ?? ""),
      remotePort: address._tag === "Unix" ? 0 : address.port,
      localAddress: localAddr.transport === "tcp" ? localAddr.hostname : "",
      localPort: localAddr.transport === "tcp" ? localAddr.port : 0,
      timing: this.#phases.timing
    }
    this.#opened = new DenoConnection(info, socket, Target.formatAddress(address), this.#largeBuffers)
    this.#resume(Effect.succeed(this.#opened))
  }

  /** An end has come: nothing more is tried, and what is pending is given up. */
  #finish(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    for (const abort of this.#pending) abort.abort()
  }
}

/** The families take turns, the resolver's first choice first (RFC 8305 section 4). */
const interleaveFamilies = (addresses: ReadonlyArray<LookupAddress>): ReadonlyArray<string> => {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family)
  const second = addresses.filter(({ family }) => family !== addresses[0]?.family)
  return Array.from({ length: Math.max(first.length, second.length) }, (_, index) => [first[index], second[index]])
    .flat()
    .flatMap((entry) => (entry === undefined ? [] : [entry.address]))
}
