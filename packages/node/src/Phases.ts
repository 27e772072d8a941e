/**
 * The phases of one connect: which it is in, how long each took, and who hears of it.
 */
import type { ConnectObserver, ConnectPhase, ConnectTiming } from "@weir/transport"
import type { Clock } from "effect"

const timingKeys = { dns: "dnsMillis", tcp: "tcpMillis", proxy: "proxyMillis", tls: "tlsMillis" } as const

export class Phases {
  readonly timing: { -readonly [K in keyof ConnectTiming]: ConnectTiming[K] } = {}
  readonly #clock: Clock.Clock
  readonly #observer: ConnectObserver | undefined
  #current: ConnectPhase
  #startNanos: bigint

  /** Time runs from now on. */
  constructor(first: ConnectPhase, clock: Clock.Clock, observer: ConnectObserver | undefined) {
    this.#current = first
    this.#clock = clock
    this.#observer = observer
    this.#startNanos = clock.monotonicTimeNanosUnsafe()
  }

  get current(): ConnectPhase {
    return this.#current
  }

  /** Tells the observer of the first phase. Like every call of an observer, it may interrupt the connect. */
  begin(): void {
    this.#observer?.enterPhase(this.#current)
  }

  enter(phase: ConnectPhase): void {
    this.end()
    this.#current = phase
    this.#observer?.enterPhase(phase)
  }

  /** The current phase is over, and with it, unless another is entered, the connect. */
  end(): void {
    const nowNanos = this.#clock.monotonicTimeNanosUnsafe()
    this.timing[timingKeys[this.#current]] = Number(nowNanos - this.#startNanos) / 1e6
    this.#startNanos = nowNanos
  }
}
