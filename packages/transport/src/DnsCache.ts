/**
 * A connector's memory of names: which addresses each has, for how long, and who has to hear when one is withdrawn.
 *
 * - One look-up at a time per name, shared by all who ask. It belongs to none of them: a caller that is interrupted leaves
 *   alone, and the answer is kept for the next.
 * - A failed look-up leaves the last good answer in use, within `staleMax`; that there is no address is an answer and
 *   replaces it.
 * - While a connection to a name is watched, the name is looked up whenever its answer has expired, by the clock that does
 *   not keep the process alive. Only an answer that holds other addresses withdraws one: where a name has none at all any
 *   more, or nobody answers, there is nothing better to dial, and open connections are left alone.
 */
import { Cause, Clock, Duration, Effect, Exit, type Fiber, Semaphore } from "effect"
import {
  afterLookup,
  type CachedAnswer,
  type DnsCacheOptions,
  type DnsSettings,
  dnsSettings,
  tooSlow
} from "./CachedAnswer.ts"
import { outsideOfCalls } from "./outsideOfCalls.ts"
import { type Lookup, lookupFailed, type Resolution } from "./Resolver.ts"
import { TransportError } from "./TransportError.ts"

export interface DnsCache {
  /** The addresses of a name, at least one, in the resolver's order. */
  readonly resolve: (host: string) => Effect.Effect<ReadonlyArray<string>, TransportError>
  /** Calls `onWithdrawn`, once, when the name no longer has the address; the result ends it. */
  readonly watch: (host: string, address: string, onWithdrawn: () => void) => () => void
}

/** Lives as long as anybody holds it: it has a fiber only while a look-up runs or an address is watched. */
export const makeDnsCache = (
  lookup: Lookup,
  options?: DnsCacheOptions,
  backgroundClock?: Clock.Clock
): Effect.Effect<DnsCache> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const settings = yield* Effect.sync(() => dnsSettings(options))
    const fork = Effect.runForkWith(yield* Effect.context<never>())
    return new Names({ lookup, settings, clock, backgroundClock: backgroundClock ?? clock, fork })
  })

interface NamesOptions {
  readonly lookup: Lookup
  readonly settings: DnsSettings
  readonly clock: Clock.Clock
  readonly backgroundClock: Clock.Clock
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
}

type Answered = Effect.Effect<ReadonlyArray<string>, TransportError>

interface Watched {
  /** Since when answers lack it; undefined while they hold it. */
  missingSinceMillis: number | undefined
  readonly listeners: Set<() => void>
}

class Name {
  readonly host: string
  answer: CachedAnswer | undefined
  isLookingUp = false
  /** Those who wait for the look-up. */
  readonly waiting = new Set<(answered: Answered) => void>()
  /** By address. */
  readonly watched = new Map<string, Watched>()
  /** Waits to look the name up again, while an address is watched. */
  upkeep: Fiber.Fiber<unknown> | undefined

  constructor(host: string) {
    this.host = host
  }

  get isNeeded(): boolean {
    return this.isLookingUp || this.watched.size > 0
  }
}

/** The pause between two background look-ups of a name whose answers are not to be kept. */
const upkeepPauseMillisMin = 1000

class Names implements DnsCache {
  readonly #options: NamesOptions
  /** Bounded by `nameCountMax` and, beyond it, by the connections that are watched and the look-ups under way. */
  readonly #names = new Map<string, Name>()
  /** Those that nobody needs now; those used last come last. */
  readonly #spare = new Set<Name>()
  // The system's resolver blocks one of a few threads per look-up: upkeep takes one of them, connects have the others.
  readonly #upkeepTurn = Semaphore.makeUnsafe(1)

  constructor(options: NamesOptions) {
    this.#options = options
  }

  resolve(host: string): Answered {
    return Effect.suspend(() => {
      const name = this.#name(host)
      const { answer } = name
      if (answer !== undefined && this.#nowMillis() < answer.untilMillis) return told(answer)
      return Effect.callback<ReadonlyArray<string>, TransportError>((resume) => {
        name.waiting.add(resume)
        if (!name.isLookingUp) this.#lookUp(name)
        return Effect.sync(() => name.waiting.delete(resume))
      })
    })
  }

  watch(host: string, address: string, onWithdrawn: () => void): () => void {
    const name = this.#name(host)
    const watched: Watched = name.watched.get(address) ?? { missingSinceMillis: undefined, listeners: new Set() }
    // Once, and not after the end of the watch, which may come between the answer and this call.
    const listener = () => {
      if (watched.listeners.delete(listener)) onWithdrawn()
    }
    watched.listeners.add(listener)
    name.watched.set(address, watched)
    this.#keepOrForget(name)
    if (name.upkeep === undefined) this.#keepUp(name)
    return () => {
      watched.listeners.delete(listener)
      if (watched.listeners.size === 0 && name.watched.get(address) === watched) this.#unwatch(name, address)
    }
  }

  #unwatch(name: Name, address: string): void {
    name.watched.delete(address)
    if (name.watched.size > 0) return
    const { upkeep } = name
    name.upkeep = undefined
    upkeep?.interruptUnsafe()
    this.#keepOrForget(name)
  }

  #name(host: string): Name {
    const key = host.toLowerCase()
    const known = this.#names.get(key)
    if (known !== undefined) {
      if (this.#spare.delete(known)) this.#spare.add(known)
      return known
    }
    const name = new Name(key)
    this.#names.set(key, name)
    return name
  }

  /** To be called when a name comes to be needed, and when it may have ceased to be. */
  #keepOrForget(name: Name): void {
    this.#spare.delete(name)
    if (name.isNeeded) return
    this.#spare.add(name)
    for (const oldest of this.#spare) {
      if (this.#spare.size <= this.#options.settings.nameCountMax) return
      this.#spare.delete(oldest)
      this.#names.delete(oldest.host)
    }
  }

  /** Belongs to no caller. Waiters are woken in a loop, each on this stack until it waits for something else. */
  #lookUp(name: Name): void {
    name.isLookingUp = true
    this.#keepOrForget(name)
    const { fork, lookup, settings } = this.#options
    const limited = Effect.timeoutOrElse(
      Effect.suspend(() => lookup(name.host)),
      { duration: settings.lookupMillisMax, orElse: () => Effect.fail(tooSlow(name.host, settings.lookupMillisMax)) }
    )
    fork(limited).addObserver((exit) => {
      name.isLookingUp = false
      const nowMillis = this.#nowMillis()
      const found = foundBy(name.host, exit)
      const previous = name.answer
      const answer = afterLookup(name.host, previous, found, nowMillis, settings)
      name.answer = answer
      const isGood = answer._tag === "Addresses" && !answer.isStale
      const withdrawn = isGood ? this.#withdraw(name, answer.addresses, nowMillis) : []
      this.#keepOrForget(name)
      const waiting = [...name.waiting]
      name.waiting.clear()
      for (const resume of waiting) resume(told(answer))
      // Each in a fiber: what one of them throws must not keep the others from hearing.
      for (const listener of withdrawn) fork(Effect.catchCause(Effect.sync(listener), reportDefect))
      if (isStale(answer) && !isStale(previous)) fork(reportStale(name.host, found))
    })
  }

  /** Who has to hear that the address of its connection is gone. */
  #withdraw(name: Name, addresses: ReadonlyArray<string>, nowMillis: number): ReadonlyArray<() => void> {
    const gone: Array<() => void> = []
    for (const [address, watched] of name.watched) {
      if (addresses.includes(address)) {
        watched.missingSinceMillis = undefined
        continue
      }
      watched.missingSinceMillis ??= nowMillis
      if (nowMillis - watched.missingSinceMillis < this.#options.settings.withdrawAfterMillis) continue
      gone.push(...watched.listeners)
      this.#unwatch(name, address)
    }
    return gone
  }

  /** Looks the name up when its answer is out of date, and so on, each time in a fiber of its own. */
  #keepUp(name: Name): void {
    const restMillis = (name.answer?.untilMillis ?? 0) - this.#nowMillis()
    const look = Effect.delay(
      Effect.ignore(this.#upkeepTurn.withPermit(this.resolve(name.host))),
      Duration.millis(Math.max(upkeepPauseMillisMin, Math.ceil(restMillis)))
    ).pipe(Effect.provideService(Clock.Clock, this.#options.backgroundClock))
    const fiber = outsideOfCalls(() => this.#options.fork(look))
    name.upkeep = fiber
    fiber.addObserver(() => {
      if (name.upkeep === fiber) this.#keepUp(name)
    })
  }

  #nowMillis(): number {
    return Number(this.#options.clock.monotonicTimeNanosUnsafe()) / 1e6
  }
}

const told = (answer: CachedAnswer): Answered =>
  answer._tag === "Addresses" ? Effect.succeed(answer.addresses) : Effect.fail(answer.error)

const foundBy = (host: string, exit: Exit.Exit<Resolution, TransportError>): Resolution | TransportError => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = Cause.squash(exit.cause)
  return error instanceof TransportError ? error : lookupFailed(host, error)
}

const reportDefect = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.logError("weir: a defect of a listener to withdrawn addresses was contained", cause)

const isStale = (answer: CachedAnswer | undefined): boolean => answer?._tag === "Addresses" && answer.isStale

const reportStale = (host: string, found: Resolution | TransportError): Effect.Effect<void> => {
  const why = "addresses" in found ? `the resolver answered with ${found.addresses.join(", ")}` : found.message
  return Effect.logWarning(`weir: the last known addresses of ${host} are used beyond their time to live: ${why}`)
}
