/**
 * Carries a `DialPlan` out: tries the addresses of a name as the plan says, keeps the first that opens, closes the rest.
 *
 * Every attempt runs in a fiber of its own, so that its exit tells for certain whether there is something to close. One of
 * three ends comes first: an attempt opens, the last one fails, or the race is interrupted. From then on nothing is begun,
 * what is under way is interrupted, and what opens all the same (its event was on its way) is discarded. The winner is
 * handed over at once; only an interrupted race waits until every other attempt is closed.
 */
import { Cause, Clock, Duration, Effect, Exit, Fiber } from "effect"
import {
  attemptBegun,
  attemptFailed,
  type DialPlan,
  type DialSettings,
  dueAddress,
  isHopeless,
  planDial
} from "./DialPlan.ts"
import { TransportError, transportError } from "./TransportError.ts"

export interface RaceOptions<A> {
  /** At least one. */
  readonly addresses: ReadonlyArray<string>
  readonly settings: DialSettings
  /** Opens something to an address. Interrupted, it has closed what it opened when the interruption returns. */
  readonly attempt: (address: string) => Effect.Effect<A, TransportError>
  /** Closes what an attempt has opened, and ends when it is closed. */
  readonly discard: (opened: A) => Effect.Effect<void>
  /** What errors call the whole. */
  readonly name: string
}

export const race = <A>(options: RaceOptions<A>): Effect.Effect<A, TransportError> =>
  Effect.withFiber((fiber) => {
    const running = new Race(options, Effect.runForkWith(fiber.context), fiber.getRef(Clock.Clock))
    return Effect.callback<A, TransportError>((resume) => {
      running.start(resume)
      return running.abandon
    })
  })

type Fork = <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>

/** One address being tried; `fiber` is absent only while the attempt's first step runs. */
interface Attempt {
  fiber: Fiber.Fiber<unknown, unknown> | undefined
}

class Race<A> {
  readonly #options: RaceOptions<A>
  readonly #fork: Fork
  readonly #clock: Clock.Clock
  #plan: DialPlan
  #resume: (result: Effect.Effect<A, TransportError>) => void = () => {}
  readonly #pending = new Set<Attempt>()
  readonly #errors: Array<TransportError> = []
  #timer: Fiber.Fiber<void> | undefined
  #isTrying = false
  #isOver = false
  #winner: { readonly opened: A } | undefined

  constructor(options: RaceOptions<A>, fork: Fork, clock: Clock.Clock) {
    this.#options = options
    this.#fork = fork
    this.#clock = clock
    this.#plan = planDial(options.addresses, options.settings, this.#nowMillis())
  }

  start(resume: (result: Effect.Effect<A, TransportError>) => void): void {
    this.#resume = resume
    this.#tryDue()
  }

  /**
   * Interrupted: done when every attempt is closed. That may be the winner, if it had been handed over and the fiber was
   * interrupted before it took it.
   */
  readonly abandon: Effect.Effect<void> = Effect.suspend(() => {
    this.#finish()
    const fibers = [...this.#pending].flatMap(({ fiber }) => (fiber === undefined ? [] : [fiber]))
    const winner = this.#winner
    return Effect.andThen(
      winner === undefined ? Effect.void : this.#options.discard(winner.opened),
      Fiber.awaitAll(fibers)
    )
  })

  /** Begins what is due. An attempt may fail before it has returned; the loop then sees that the next is due. */
  #tryDue(): void {
    if (this.#isTrying) return
    this.#isTrying = true
    while (!this.#isOver) {
      const nowMillis = this.#nowMillis()
      const address = dueAddress(this.#plan, nowMillis)
      if (address === undefined) break
      this.#plan = attemptBegun(this.#plan, nowMillis)
      this.#begin(address)
    }
    this.#isTrying = false
    this.#armTimer()
  }

  #begin(address: string): void {
    const attempt: Attempt = { fiber: undefined }
    this.#pending.add(attempt)
    attempt.fiber = this.#fork(
      Effect.onExit(
        Effect.suspend(() => this.#options.attempt(address)),
        (exit) => this.#onEnd(attempt, exit)
      )
    )
    // Its first step may have ended the race.
    if (this.#isOver) attempt.fiber.interruptUnsafe()
  }

  /** Within the attempt's fiber, which cannot be interrupted here: what it opened has an owner when this returns. */
  #onEnd(attempt: Attempt, exit: Exit.Exit<A, TransportError>): Effect.Effect<void> {
    this.#pending.delete(attempt)
    // Its own first step has interrupted the race, and then it opened.
    if (this.#isOver) return Exit.isSuccess(exit) ? this.#options.discard(exit.value) : Effect.void
    if (Exit.isSuccess(exit)) {
      this.#finish()
      this.#winner = { opened: exit.value }
      this.#resume(exit)
      return Effect.void
    }
    this.#errors.push(errorOf(exit.cause, this.#options.name))
    this.#plan = attemptFailed(this.#plan, this.#nowMillis())
    if (isHopeless(this.#plan)) {
      this.#finish()
      this.#resume(Effect.fail(everyAddressFailed(this.#errors, this.#options.name)))
    } else {
      this.#tryDue()
    }
    return Effect.void
  }

  #armTimer(): void {
    this.#timer?.interruptUnsafe()
    this.#timer = undefined
    const delayMillis = this.#plan.nextAtMillis - this.#nowMillis()
    if (this.#isOver || delayMillis === Number.POSITIVE_INFINITY) return
    // A timer that fires a fraction of a millisecond early finds nothing due, and is armed again.
    this.#timer = this.#fork(Effect.sleep(Duration.millis(Math.max(1, Math.ceil(delayMillis)))))
    this.#timer.addObserver((exit) => {
      if (Exit.isSuccess(exit)) this.#tryDue()
    })
  }

  #finish(): void {
    this.#isOver = true
    this.#timer?.interruptUnsafe()
    for (const { fiber } of this.#pending) fiber?.interruptUnsafe()
  }

  #nowMillis(): number {
    return Number(this.#clock.monotonicTimeNanosUnsafe()) / 1e6
  }
}

const errorOf = (cause: Cause.Cause<TransportError>, address: string): TransportError => {
  const error = Cause.squash(cause)
  if (error instanceof TransportError) return error
  const detail = `an attempt broke off: ${Cause.pretty(cause)}`
  return transportError({ reason: "Other", phase: "tcp", address, detail, cause: error })
}

/** So many failures are told in the message; the cause has all of them. */
const toldErrorCountMax = 4

/**
 * All failures as one. The last that is neither "no route" nor our own side's tells most: a host that answered says more
 * than a family that this machine does not route, for which some systems have no local address either.
 */
const everyAddressFailed = (errors: ReadonlyArray<TransportError>, address: string): TransportError => {
  const telling =
    errors.findLast(({ reason }) => reason !== "Unreachable" && reason !== "LocalResource") ??
    errors.findLast(({ reason }) => reason !== "Unreachable") ??
    errors[0]
  const untoldCount = errors.length - toldErrorCountMax
  const told = errors.slice(0, toldErrorCountMax).map(({ message }) => message)
  if (untoldCount > 0) told.push(`${untoldCount} more`)
  return transportError({
    reason: telling?.reason ?? "Other",
    phase: "tcp",
    address,
    ...(telling?.code === undefined ? {} : { code: telling.code }),
    detail: `each of ${errors.length} addresses failed: ${told.join("; ")}`,
    cause: new AggregateError(errors, `each of ${errors.length} addresses of ${address} failed`)
  })
}
