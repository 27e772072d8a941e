/**
 * Runs a sequential history on the real pool and on the reference beside it: after every operation callers, connections,
 * events, statistics and metrics have to be what the reference says.
 */
import {
  type ConnectionControl,
  ConnectionPool,
  type Lease,
  PoolError,
  type PoolStats,
  type RouteStats
} from "@weir/core"
import { Simulation } from "@weir/testkit"
import { Cause, Context, Effect, Exit, Logger, Metric, Scope, Stream } from "effect"
import { countMovesInto } from "../connectionMoves.ts"
import { eventKey } from "../pool/eventKey.ts"
import { type RunOptions, type RunResult, resultOf } from "../RunResult.ts"
import { Judge } from "../Violation.ts"
import { type ModelCaller, ReferencePool } from "./ReferencePool.ts"
import { routes, type SequenceConfig, type SequenceOperation, type SequenceScript } from "./SequenceScript.ts"

interface Connection {
  readonly id: number
  readonly control: ConnectionControl
}

/** What the real pool has told a caller so far. */
interface Answer {
  outcome: string
  lease: Lease<Connection> | undefined
  withdraw: () => void
}

const unlimited = (limit: number): number | "unlimited" => (limit === -1 ? "unlimited" : limit)
const never = (millis: number): number | "never" => (millis === -1 ? "never" : millis)

const poolConfig = (config: SequenceConfig) => ({
  connectionsPerRouteMax: config.connectionsPerRouteMax,
  pendingPerRouteMax: unlimited(config.pendingPerRouteMax),
  pendingMax: unlimited(config.pendingMax),
  idlePerRouteMax: unlimited(config.idlePerRouteMax),
  idleMax: unlimited(config.idleMax),
  usesPerConnectionMax: unlimited(config.usesPerConnectionMax),
  idleTimeout: never(config.idleTimeoutMillis),
  lifetime: never(config.lifetimeMillis),
  leaseOrder: config.leaseOrder,
  waitOrder: config.waitOrder,
  // Nothing of chance, nothing learned, and no route forgotten on the way.
  connectTimeout: "never" as const,
  lifetimeJitterRatio: 0,
  isIdleLearned: false,
  dialBackoffMax: 0,
  routeIdleTimeout: "1 day" as const
})

export const runSequenceScript = (script: SequenceScript, options: RunOptions = {}): RunResult =>
  new SequenceWorld(script, options).run()

class SequenceWorld {
  private readonly script: SequenceScript
  private readonly simulation: Simulation
  private readonly judge = new Judge()
  private readonly tally = new Map<string, number>()
  private readonly reference: ReferencePool
  private readonly registry: typeof Metric.MetricRegistry.Service = new Map()
  private readonly context: Context.Context<never>
  private readonly connections = new Map<number, Connection>()
  private readonly answers: Array<Answer> = []
  private readonly events: Array<string> = []
  private readonly trace: (line: () => string) => void
  private heardCount = 0
  private dialCount = 0

  constructor(script: SequenceScript, options: RunOptions) {
    this.script = script
    this.simulation = new Simulation({ seed: script.seed, interleaving: "in-order", yieldRatio: 0 })
    this.context = Context.make(Metric.MetricRegistry, this.registry)
    this.reference = new ReferencePool(script.config)
    const listener = options.trace
    this.trace = (line) => listener?.(`${this.simulation.clock.elapsedMillis} ms: ${line()}`)
  }

  run(): RunResult {
    const { judge, simulation } = this
    countMovesInto(this.tally)
    const logger = Logger.make<unknown, void>(({ message }) => {
      judge.must(false, "no defects", () => JSON.stringify(message))
    })
    const scope = Effect.runSync(Scope.make())
    const made = simulation.run(
      ConnectionPool.make(this.factory, poolConfig(this.script.config)).pipe(
        Scope.provide(scope),
        Effect.provideService(Metric.MetricRegistry, this.registry),
        Effect.provideService(Logger.CurrentLoggers, new Set([logger]))
      )
    )
    if (Exit.isFailure(made)) throw new Error(`the script's pool cannot be made: ${Cause.pretty(made.cause)}`)
    const pool = made.value
    simulation.fork(
      Stream.runForEach(pool.events, (event) =>
        Effect.sync(() => {
          if (!("route" in event)) return
          const route = routes.findIndex(({ label }) => label === event.route)
          const id = "connectionId" in event ? ` ${event.connectionId}` : ""
          this.events.push(`${eventKey(event).replace(/^TimedOut .*/, "TimedOut")} route${route}${id}`)
        })
      )
    )
    this.settle()
    for (const [index, operation] of this.script.operations.entries()) {
      this.tally.set(`operation ${operation._tag}`, (this.tally.get(`operation ${operation._tag}`) ?? 0) + 1)
      this.trace(() => JSON.stringify(operation))
      judge.step(() => {
        this.perform(pool, operation)
        this.settle()
        return true
      })
      if (judge.violation !== undefined) break
      this.compare(
        Effect.runSync(pool.stats),
        `after operation ${index}, ${operation._tag}`,
        operation._tag === "Pass" || operation._tag === "CloseIdle"
      )
      if (judge.violation !== undefined) break
    }
    if (judge.violation === undefined) this.end(pool, scope)
    return this.result()
  }

  private readonly factory = {
    connect: (_route: unknown, control: ConnectionControl) =>
      Effect.suspend(() => {
        const id = ++this.dialCount
        // The reference has dialled already, and knows what came of it.
        if (this.reference.hasFailed(id)) return Effect.fail(new Error(`dial ${id} failed`))
        const connection: Connection = { id, control }
        this.connections.set(id, connection)
        return Effect.as(
          Effect.addFinalizer(() => Effect.sync(() => this.connections.delete(id))),
          connection
        )
      }),
    isAlive: () => true
  }

  /** Each is done to the reference first. */
  private perform(pool: ConnectionPool.ConnectionPool<Connection>, operation: SequenceOperation): void {
    const { reference } = this
    const pick = <A>(list: ReadonlyArray<A>, nth: number): A | undefined => list[nth % Math.max(1, list.length)]
    switch (operation._tag) {
      case "Ask":
        reference.ask(operation.route, operation.timeoutMillis, operation.priority)
        this.ask(pool, operation)
        return
      case "Release":
      case "Discard": {
        const caller = pick(reference.holding(), operation.nth)
        if (caller === undefined) return
        const isDiscarded = operation._tag === "Discard"
        reference.release(caller, isDiscarded)
        const { lease } = this.answerOf(caller)
        if (isDiscarded) lease?.discard()
        else lease?.release()
        return
      }
      case "Withdraw": {
        const caller = pick(reference.waiting(), operation.nth)
        if (caller === undefined) return
        reference.withdraw(caller)
        const answer = this.answerOf(caller)
        answer.withdraw()
        answer.outcome = "withdrawn"
        return
      }
      case "PeerLeaves": {
        const connection = pick(
          reference.connections.filter(({ hasLeft }) => !hasLeft),
          operation.nth
        )
        if (connection === undefined) return
        reference.peerLeaves(connection)
        this.connections.get(connection.id)?.control.lost("peer-closed")
        return
      }
      case "CloseIdle":
        reference.closeIdle(operation.route)
        Effect.runSync(pool.closeIdle(routes[operation.route]))
        return
      case "FailDials":
        reference.failingCount = operation.count
        return
      case "Pass":
        reference.pass(operation.millis)
        this.pass(operation.millis)
    }
  }

  private ask(
    pool: ConnectionPool.ConnectionPool<Connection>,
    { priority, route: index, timeoutMillis }: Extract<SequenceOperation, { readonly _tag: "Ask" }>
  ): void {
    const answer: Answer = { outcome: "", lease: undefined, withdraw: () => {} }
    this.answers.push(answer)
    const settle = (result: Lease<Connection> | PoolError) => {
      this.judge.equal(answer.outcome, "", "every waiter settles once", `caller ${this.answers.indexOf(answer)}`)
      if (result instanceof PoolError) {
        answer.outcome = result.reason._tag === "Refused" ? result.reason.reason : result.reason._tag
      } else {
        answer.lease = result
        answer.outcome = `connection ${result.connection.id}`
      }
    }
    const route = routes[index]
    if (route === undefined) throw new Error(`the script has no route ${index}`)
    const idle = pool.leaseIdleUnsafe(route)
    if (idle === undefined) answer.withdraw = pool.leaseUnsafe(route, { priority, timeout: timeoutMillis }, settle)
    else settle(idle)
  }

  private answerOf(caller: ModelCaller): Answer {
    const answer = this.answers[caller.id]
    if (answer === undefined) throw new Error(`caller ${caller.id} has never asked`)
    return answer
  }

  /** Lets everything come to rest at the present moment. */
  private settle(): void {
    while (this.simulation.scheduler.readyCount > 0) this.simulation.step()
  }

  private pass(millis: number): void {
    const { clock } = this.simulation
    const untilMillis = clock.elapsedMillis + millis
    let hasCome = false
    this.simulation.after(millis, () => {
      hasCome = true
    })
    while (!hasCome && clock.elapsedMillis <= untilMillis) this.simulation.step()
  }

  private compare(stats: PoolStats, when: string, isAnyOrder: boolean): void {
    const { judge, reference } = this
    for (const caller of reference.callers) {
      judge.equal(
        this.answerOf(caller).outcome,
        caller.outcome,
        "callers get what the model says",
        `caller ${caller.id} ${when}`
      )
    }
    const ids = (list: ReadonlyArray<{ readonly id: number }>) =>
      list
        .map(({ id }) => id)
        .sort((a, b) => a - b)
        .join()
    const open = ids(Array.from(this.connections.values()))
    judge.equal(open, ids(reference.connections), "connections are those of the model", when)
    const inOrder = (events: ReadonlyArray<string>) => {
      const latest = events.slice(this.heardCount)
      return (isAnyOrder ? latest.sort() : latest).join("; ")
    }
    judge.equal(inOrder(this.events), inOrder(reference.events), "events are those of the model", when)
    this.heardCount = reference.events.length
    this.compareNumbers(stats, undefined, when)
    for (const one of stats.routes) {
      this.compareNumbers(
        one,
        routes.findIndex(({ key }) => key === one.routeKey),
        when
      )
    }
    this.compareMetrics(when)
  }

  private compareNumbers(stats: PoolStats | RouteStats, route: number | undefined, when: string): void {
    const { judge, reference } = this
    const where = `${route === undefined ? "the pool" : `route${route}`} ${when}`
    const agree = (what: string, found: number, expected: number) =>
      judge.equal(found, expected, "statistics are those of the model", `${what} of ${where}`)
    const heard = (kind: string) => reference.heardCount(kind, route)
    const ofRoute = (one: { readonly route: number }) => route === undefined || one.route === route
    agree("connections", stats.connections.used, reference.openCount(route))
    agree("idle", stats.idle.used, reference.idle(route).length)
    agree("pending", stats.pending.used, reference.waiting(route).length)
    agree("active", stats.active.used, reference.holding().filter(ofRoute).length)
    agree("dialling", stats.dialling.used, 0)
    agree("created", stats.createdCount, heard("Connected"))
    agree("leased", stats.leasedCount, heard("Leased"))
    agree("cancelled", stats.cancelledCount, heard("Cancelled"))
    agree("failed dials", stats.connectFailedCount, heard("ConnectFailed"))
    agree("timed out", sumOf(stats.timedOutByPhase), heard("TimedOut"))
    agree(
      "refused",
      sumOf(stats.refusedByReason),
      heard("Refused pending-route-limit") + heard("Refused pending-total-limit")
    )
    for (const [reason, count] of Object.entries(stats.closedByReason))
      agree(`closed ${reason}`, count, heard(`Closed ${reason}`))
    if (route === undefined) agree("reused", stats.reusedCount, reference.reusedCount)
  }

  private compareMetrics(when: string): void {
    const { judge, reference } = this
    const sums = new Map<string, number>()
    for (const metric of Metric.snapshotUnsafe(this.context)) {
      const value = metric.type === "Gauge" ? metric.state.value : "count" in metric.state ? metric.state.count : 0
      sums.set(metric.id, (sums.get(metric.id) ?? 0) + Number(value))
    }
    const agree = (name: string, expected: number) =>
      judge.equal(sums.get(`weir_pool_${name}`) ?? 0, expected, "metrics are those of the model", `${name} ${when}`)
    agree("connections", reference.openCount())
    agree("connections_idle", reference.idle().length)
    agree("connections_dialling", 0)
    agree("leases_active", reference.holding().length)
    agree("acquires_pending", reference.waiting().length)
    agree("connections_created_total", reference.heardCount("Connected"))
    agree("connections_closed_total", reference.events.filter((event) => event.startsWith("Closed")).length)
    agree("connect_failures_total", reference.heardCount("ConnectFailed"))
    agree("leases_total", reference.heardCount("Leased"))
    agree("leases_reused_total", reference.reusedCount)
    agree("acquires_refused_total", reference.events.filter((event) => event.startsWith("Refused")).length)
    agree("acquires_timed_out_total", reference.heardCount("TimedOut"))
    agree("acquires_cancelled_total", reference.heardCount("Cancelled"))
    agree("acquire_wait_seconds", reference.heardCount("Leased"))
    agree("lease_seconds", reference.heardCount("Returned"))
  }

  private end(pool: ConnectionPool.ConnectionPool<Connection>, scope: Scope.Closeable): void {
    const { judge, simulation } = this
    simulation.fork(Effect.andThen(pool.shutdown(0), Scope.close(scope, Exit.void)))
    judge.must(simulation.settle(), "no endless round", () => `${simulation.stepCount} steps`)
    judge.equal(this.connections.size, 0, "all connections are closed", "connections")
    judge.equal(simulation.liveFiberCount, 0, "no fiber left", "fibers")
    judge.equal(simulation.clock.timerCount, 0, "no timer left", "timers")
    judge.equal(this.registry.size, 0, "no metric left", "metrics")
  }

  private result(): RunResult {
    const { judge, simulation, tally } = this
    const add = (key: string) => tally.set(key, (tally.get(key) ?? 0) + 1)
    for (const event of this.events) add(`event ${event.replace(/ route\d+.*/, "")}`)
    for (const { outcome } of this.answers) add(`caller ${outcome.startsWith("connection") ? "served" : outcome}`)
    return resultOf(judge, simulation, tally)
  }
}

const sumOf = (counts: Readonly<Partial<Record<string, number>>>): number =>
  Object.values(counts).reduce<number>((sum, count) => sum + (count ?? 0), 0)
