/**
 * One caller of the pool, what it was promised, and what has become of it.
 */
import { type ConnectionPool, type Lease, PoolError, type Route } from "@weir/core"
import type { Simulation } from "@weir/testkit"
import { Effect, Exit, type Fiber } from "effect"
import type { Judge } from "../Violation.ts"
import type { Call } from "./PoolScript.ts"
import type { SimulatedConnection } from "./SimulatedPeers.ts"

type Pool = ConnectionPool.ConnectionPool<SimulatedConnection>

export type CallerState =
  /** Not begun: its fiber has not come to the pool yet. */
  "new" | "waiting" | "holding" | "done"

/** What callers tell the world. */
export interface CallerWorld {
  readonly pool: Pool
  readonly simulation: Simulation
  readonly judge: Judge
  readonly trace: (line: () => string) => void
  /** From the call to the deadline, by the configuration in force. */
  readonly acquireMillis: (route: Route.Route) => number
  /** Called when the caller has just been served, with the lease still live. */
  readonly onServed: (caller: Caller, lease: Lease<SimulatedConnection>) => void
  readonly onDone: (caller: Caller) => void
}

const neverMillis = -1

export class Caller {
  readonly id: number
  readonly call: Call
  readonly route: Route.Route
  state: CallerState = "new"
  lease: Lease<SimulatedConnection> | undefined
  /** When the pool was asked; order of arrival among the plain callers. */
  askedAtMillis = 0
  timeoutMillis = Number.POSITIVE_INFINITY
  /** For the tally: `served`, the reason of the error, or how it left. */
  outcome = "none"
  private settledCount = 0
  private withdraw: () => void = () => {}
  private fiber: Fiber.Fiber<unknown, unknown> | undefined
  private cancelInterrupt: () => void = () => {}
  private readonly world: CallerWorld

  constructor(world: CallerWorld, id: number, call: Call, route: Route.Route) {
    this.world = world
    this.id = id
    this.call = call
    this.route = route
  }

  get name(): string {
    return `caller ${this.id} for ${this.route.host}`
  }

  get isPlain(): boolean {
    return this.call.way === "plain"
  }

  get deadlineMillis(): number {
    return this.askedAtMillis + this.timeoutMillis
  }

  begin(): void {
    const { interruptAfterMillis } = this.call
    if (this.isPlain) this.askPlainly()
    else this.fiber = this.forkCall()
    if (interruptAfterMillis > 0 && this.state !== "done") {
      this.cancelInterrupt = this.world.simulation.after(interruptAfterMillis, () => {
        this.interrupt()
      })
    }
  }

  /** Gives up waiting, or what it does with its lease. */
  interrupt(): void {
    this.world.trace(() => `interrupt ${this.name}`)
    if (this.fiber !== undefined) {
      this.fiber.interruptUnsafe()
    } else if (this.state === "waiting") {
      this.withdraw()
      this.done("withdrawn")
    }
  }

  /** Its fiber may not have come to the pool yet, and then the new configuration's timeout holds for it. */
  reconfigured(): void {
    const { clock } = this.world.simulation
    if (this.isPlain || this.call.timeoutMillis !== 0 || this.askedAtMillis !== clock.elapsedMillis) return
    this.timeoutMillis = Number.POSITIVE_INFINITY
  }

  get isLeaking(): boolean {
    return this.call.ending === "leak" && this.state === "holding"
  }

  /** Lets a leaked lease go, at the end of the run. */
  releaseLeaked(): void {
    if (!this.isLeaking) return
    if (this.isPlain) this.finishPlainly("release")
    else this.interrupt()
  }

  private get options(): ConnectionPool.AcquireOptions {
    const { priority, timeoutMillis } = this.call
    return {
      holder: `c${this.id}`,
      priority,
      ...(timeoutMillis === 0 ? {} : { timeout: timeoutMillis === neverMillis ? "never" : timeoutMillis })
    }
  }

  private ask(): void {
    const { timeoutMillis } = this.call
    this.askedAtMillis = this.world.simulation.clock.elapsedMillis
    this.timeoutMillis =
      timeoutMillis === 0
        ? this.world.acquireMillis(this.route)
        : timeoutMillis === neverMillis
          ? Number.POSITIVE_INFINITY
          : timeoutMillis
    this.state = "waiting"
    this.world.trace(() => `ask ${this.name}`)
  }

  private askPlainly(): void {
    const { pool } = this.world
    this.ask()
    const idle = pool.leaseIdleUnsafe(this.route, `c${this.id}`)
    if (idle !== undefined) {
      this.served(idle)
      this.holdPlainly()
      return
    }
    const withdraw = pool.leaseUnsafe(this.route, this.options, (result) => {
      this.settledCount++
      this.world.judge.must(this.settledCount === 1, "every waiter settles once", () => this.name)
      this.world.judge.must(this.state === "waiting", "no answer to a caller that has left", () => this.name)
      if (result instanceof PoolError) {
        this.failed(result)
      } else {
        this.served(result)
        this.holdPlainly()
      }
    })
    this.withdraw = withdraw
  }

  private holdPlainly(): void {
    const { ending, holdMillis } = this.call
    if (ending === "leak") return
    const how = ending === "fail" ? "discard" : ending
    if (holdMillis === 0) {
      this.finishPlainly(how)
    } else {
      this.world.simulation.after(holdMillis, () => {
        this.finishPlainly(how)
      })
    }
  }

  private finishPlainly(how: "release" | "release-twice" | "discard"): void {
    const { lease } = this
    if (this.state !== "holding" || lease === undefined) return
    if (how === "discard") lease.discard()
    else lease.release()
    if (how === "release-twice") {
      lease.release()
      lease.discard()
    }
    this.world.judge.must(!lease.isLive, "a released lease is dead", () => this.name)
    // It asks again, if it does, while the pool may still be serving others on this stack.
    this.done("served")
  }

  private forkCall(): Fiber.Fiber<unknown, unknown> {
    const { simulation } = this.world
    const asking = Effect.sync(() => this.ask())
    const fiber = simulation.fork(Effect.andThen(asking, this.viaEffect()))
    fiber.addObserver((exit) => {
      if (this.state === "done") return
      if (Exit.isSuccess(exit)) {
        this.done("served")
        return
      }
      const error = exit.cause.reasons.find((reason) => reason._tag === "Fail")?.error
      const defect = exit.cause.reasons.find((reason) => reason._tag === "Die")
      this.world.judge.must(defect === undefined, "no defects", () => `${this.name}: ${String(defect?.defect)}`)
      if (error instanceof PoolError) this.failed(error)
      else this.done(error === undefined ? "interrupted" : "failed in use")
    })
    return fiber
  }

  private viaEffect(): Effect.Effect<unknown, unknown> {
    const { pool } = this.world
    const { route, options } = this
    const hold = (lease: Lease<SimulatedConnection>) =>
      Effect.andThen(
        Effect.sync(() => this.served(lease)),
        this.work
      )
    switch (this.call.way) {
      case "use":
        return pool.use(route, (_connection, lease) => hold(lease), options)
      case "acquire":
        return Effect.scoped(Effect.flatMap(pool.acquire(route, options), hold))
      case "plain":
      case "lease":
        return Effect.acquireUseRelease(pool.lease(route, options), hold, (lease, exit) =>
          Effect.sync(() => {
            if (this.call.ending === "discard" || Exit.isFailure(exit)) lease.discard()
            else lease.release()
            if (this.call.ending === "release-twice") lease.release()
          })
        )
    }
  }

  private get work(): Effect.Effect<void, Error> {
    const { ending, holdMillis } = this.call
    const held = holdMillis === 0 ? Effect.void : Effect.sleep(holdMillis)
    if (ending === "leak") return Effect.never
    return ending === "fail" ? Effect.andThen(held, Effect.fail(new Error("the user failed"))) : held
  }

  private served(lease: Lease<SimulatedConnection>): void {
    const { judge, simulation } = this.world
    const nowMillis = simulation.clock.elapsedMillis
    const { connection } = lease
    this.world.trace(() => `served ${this.name} with ${connection.name}`)
    judge.must(this.state === "waiting", "every waiter settles once", () => `${this.name} was ${this.state}`)
    judge.must(
      connection.route.key === this.route.key,
      "no foreign connection",
      () => `${this.name}: ${connection.name}`
    )
    judge.must(nowMillis <= this.deadlineMillis, "no lease after the deadline", () => this.lateness(nowMillis))
    this.state = "holding"
    this.lease = lease
    this.world.onServed(this, lease)
  }

  private failed(error: PoolError): void {
    const { judge, simulation } = this.world
    const nowMillis = simulation.clock.elapsedMillis
    judge.must(this.state === "waiting", "every waiter settles once", () => `${this.name} was ${this.state}`)
    if (error.reason._tag === "AcquireTimeout" && this.timeoutMillis === Number.POSITIVE_INFINITY) {
      judge.must(!this.isPlain, "no timeout without a deadline", () => this.name)
    } else if (error.reason._tag === "AcquireTimeout") {
      judge.equal(nowMillis, this.deadlineMillis, "deadlines kept to the millisecond", this.name)
      judge.equal(error.reason.waitedMillis, this.timeoutMillis, "a timeout tells how long", this.name)
    } else {
      judge.must(nowMillis <= this.deadlineMillis, "no error after the deadline", () => this.lateness(nowMillis))
    }
    this.done(error.reason._tag === "Refused" ? error.reason.reason : error.reason._tag)
  }

  private lateness(nowMillis: number): string {
    return `${this.name} at ${nowMillis}, due at ${this.deadlineMillis}`
  }

  private done(outcome: string): void {
    this.world.trace(() => `${outcome} ${this.name}`)
    this.state = "done"
    this.outcome = outcome
    this.cancelInterrupt()
    this.world.onDone(this)
  }
}
