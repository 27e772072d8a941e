/**
 * Runs a script of the pool world and judges it: at every step what can be asked at every step, and whenever nothing is
 * ready any more, before time moves, everything else.
 */
import { ConnectionPool, type Lease, type PoolEvent, type PoolStats, type Route } from "@weir/core"
import { Simulation } from "@weir/testkit"
import { Cause, Effect, Exit, Logger, Scope, Stream } from "effect"
import { countMovesInto } from "../connectionMoves.ts"
import { type RunOptions, type RunResult, resultOf } from "../RunResult.ts"
import { Judge } from "../Violation.ts"
import { Caller, type CallerWorld } from "./Caller.ts"
import { eventKey } from "./eventKey.ts"
import type { Call, Operation, PoolScript } from "./PoolScript.ts"
import { routes, stallMillis } from "./PoolScript.ts"
import { checkEnd, checkQuiet, type JudgedWorld } from "./quietRules.ts"
import { RulesInForce } from "./RulesInForce.ts"
import { type SimulatedConnection, SimulatedPeers } from "./SimulatedPeers.ts"

/** A run that takes more steps goes round in circles. */
const stepCountMax = 200_000

export class PoolWorld implements CallerWorld, JudgedWorld {
  readonly script: PoolScript
  readonly simulation: Simulation
  readonly judge = new Judge()
  readonly rules: RulesInForce
  readonly peers: SimulatedPeers
  readonly pool: ConnectionPool.ConnectionPool<SimulatedConnection>
  readonly callers: Array<Caller> = []
  /** Asked and not done. */
  readonly present = new Set<Caller>()
  readonly trace: (line: () => string) => void
  readonly events: Array<PoolEvent> = []
  servedCount = 0
  private readonly passedOver: Array<{ readonly one: Caller; readonly served: Caller }> = []
  isPaused = false
  readonly pausedRoutes = new Set<string>()
  isShutDown = false
  isEnded = false
  private readonly scope: Scope.Closeable
  private readonly moves = new Map<string, number>()

  constructor(script: PoolScript, options: RunOptions) {
    const { interleaving, seed, yieldRatio } = script
    this.script = script
    this.simulation = new Simulation({ seed, interleaving, yieldRatio })
    const listener = options.trace
    this.trace =
      listener === undefined
        ? () => {}
        : (line) => {
            listener(`${this.simulation.clock.elapsedMillis} ms, step ${this.simulation.stepCount}: ${line()}`)
          }
    this.rules = new RulesInForce(script.config, this.judge)
    this.peers = new SimulatedPeers(this.simulation, script.peers, this.rules, this.judge, this.trace)
    this.peers.onLeaseRace = (route) => this.interruptOneOf(route)
    const logger = Logger.make<unknown, void>(({ message }) => {
      this.judge.must(false, "no defects", () => describe(message))
    })
    this.scope = Effect.runSync(Scope.make())
    const made = this.simulation.run(
      ConnectionPool.make(this.peers, script.config).pipe(
        Scope.provide(this.scope),
        Effect.provideService(Logger.CurrentLoggers, new Set([logger]))
      )
    )
    if (Exit.isFailure(made)) throw new Error(`the script's pool cannot be made: ${Cause.pretty(made.cause)}`)
    this.pool = made.value
  }

  get nowMillis(): number {
    return this.simulation.clock.elapsedMillis
  }

  get stats(): PoolStats {
    return Effect.runSync(this.pool.stats)
  }

  readonly acquireMillis = (route: Route.Route): number => this.rules.ofRoute(route).acquireMillis

  readonly onServed = (caller: Caller, lease: Lease<SimulatedConnection>): void => {
    this.servedCount++
    if (!caller.isPlain) return
    const { connection } = lease
    this.judge.must(connection.isLeased, "leased by the hook's word as well", () => connection.name)
    const rules = this.rules.ofRoute(caller.route)
    const slotsMax = Math.max(1, Math.min(connection.slotsOffered, rules.slotsMax))
    let holderCount = 0
    for (const one of this.present) if (one.lease?.isLive === true && one.lease.connection === connection) holderCount++
    this.judge.must(
      holderCount <= slotsMax || connection.hasShrunk,
      "one lease for one slot",
      () => `${connection.name} has ${holderCount} leases and ${slotsMax} slots`
    )
    this.checkTurn(caller, rules.isWaitLifo)
  }

  readonly onDone = (caller: Caller): void => {
    this.present.delete(caller)
    const { call } = caller
    if (call.againCount > 0 && !this.isEnded) {
      this.enter({ ...call, againCount: call.againCount - 1 })
    }
  }

  /** Nobody who came later, or waits in a lower class, is served before one who waits. */
  private checkTurn(served: Caller, isLifo: boolean): void {
    for (const one of this.present) {
      if (one === served || !one.isPlain || one.state !== "waiting" || one.route !== served.route) continue
      const classOf = (caller: Caller) => priorities.indexOf(caller.call.priority)
      const isBefore =
        classOf(one) === classOf(served)
          ? isLifo
            ? one.id > served.id && served.askedAtMillis < one.askedAtMillis
            : one.id < served.id
          : classOf(one) < classOf(served)
      if (isBefore) this.passedOver.push({ one, served })
    }
  }

  /** Asked when the pool is done: it may have failed the one, and tell it after it has told the other. */
  private checkPassedOver(): void {
    for (const { one, served } of this.passedOver.splice(0)) {
      this.judge.must(one.state === "done", "no barging", () => `${served.name} was served before ${one.name}`)
    }
  }

  /** Whoever waits longest may be the one that the lease is for; its interruption and its waking are ready together. */
  private interruptOneOf(route: Route.Route): void {
    for (const caller of this.present) {
      if (caller.isPlain || caller.route !== route || caller.state !== "waiting") continue
      this.simulation.scheduler.add(() => caller.interrupt())
      return
    }
  }

  private enter(call: Call): void {
    const route = routes[call.route]
    if (route === undefined) throw new Error(`the script has no route ${call.route}`)
    const caller = new Caller(this, this.callers.length + 1, call, route)
    this.callers.push(caller)
    this.present.add(caller)
    caller.begin()
  }

  private perform(operation: Operation): void {
    const { pool, simulation } = this
    if (this.isEnded) return
    this.trace(() => JSON.stringify(operation))
    const target = "route" in operation ? routes[operation.route] : undefined
    switch (operation._tag) {
      case "Call":
        this.enter(operation)
        return
      case "Warm":
        if (target !== undefined) simulation.fork(Effect.ignore(pool.warm(target, operation.count)))
        return
      case "DrainRoute":
        if (target !== undefined) this.drain(target)
        return
      case "DrainAll":
        this.drain(undefined)
        return
      case "CloseIdle":
        Effect.runSync(pool.closeIdle(target))
        return
      case "Pause": {
        const exit = Effect.runSyncExit(pool.pause(target))
        if (Exit.isFailure(exit)) return
        if (target === undefined) this.isPaused = true
        else this.pausedRoutes.add(target.key)
        return
      }
      case "Resume":
        this.resume(target)
        return
      case "Configure":
        this.rules.configure(operation.config)
        this.peers.reconfigured()
        for (const caller of this.present) caller.reconfigured()
        Effect.runSync(pool.configure(operation.config))
        return
      case "Shutdown":
        this.shutdown(operation.timeoutMillis)
        return
      case "Peer":
        this.say(operation)
    }
  }

  private drain(route: Route.Route | undefined): void {
    for (const connection of this.peers.live) {
      if (connection.isKnown && (route === undefined || connection.route === route)) connection.isDraining = true
    }
    Effect.runSync(route === undefined ? this.pool.drainAll : this.pool.drainRoute(route))
  }

  private resume(route: Route.Route | undefined): void {
    if (route === undefined) this.isPaused = false
    else this.pausedRoutes.delete(route.key)
    Effect.runSync(this.pool.resume(route))
  }

  private shutdown(timeoutMillis: number): void {
    this.isShutDown = true
    const startedAtMillis = this.nowMillis
    this.peers.shuttingDown()
    const fiber = this.simulation.fork(this.pool.shutdown(timeoutMillis))
    fiber.addObserver((exit) => {
      this.trace(() => `shut down after ${this.nowMillis - startedAtMillis} ms`)
      this.judge.must(Exit.isSuccess(exit), "a shutdown ends well", () => JSON.stringify(exit))
    })
  }

  private say({ count, nth, says }: Extract<Operation, { readonly _tag: "Peer" }>): void {
    const open = Array.from(this.peers.live).filter((connection) => connection.state === "open")
    const connection = open[nth % Math.max(1, open.length)]
    if (connection === undefined) return
    switch (says) {
      case "peer-closed":
      case "peer-data":
      case "peer-error":
        this.peers.lose(connection, says, false)
        return
      case "drain":
      case "withdraw":
        connection.isDraining = connection.isKnown
        connection.control.drain(says === "drain" ? "drained" : "withdrawn")
        return
      case "slots":
        if (count < connection.slotsOffered) connection.hasShrunk = true
        this.peers.offerSlots(connection, count)
        return
      case "idle-hint":
        this.peers.limitIdle(connection, 1000 + count * 10)
        return
      case "uses-hint":
        this.peers.limitUses(connection, count)
    }
  }

  run(): RunResult {
    const { judge, simulation } = this
    countMovesInto(this.moves)
    this.listen()
    const lastMillis = this.script.operations.reduce((last, { atMillis }) => Math.max(last, atMillis), 0)
    for (const operation of this.script.operations) {
      simulation.after(operation.atMillis + 1, () => {
        this.perform(operation)
      })
    }
    simulation.after(lastMillis + 300, () => {
      this.resume(undefined)
      for (const route of routes) this.resume(route)
    })
    simulation.after(lastMillis + 400, () => {
      this.endWhenAnswered(lastMillis + 10_000)
    })
    while (judge.violation === undefined) {
      if (simulation.scheduler.readyCount === 0) {
        this.rules.settle()
        checkQuiet(this)
      }
      if (!judge.step(() => simulation.step())) break
      this.checkPassedOver()
      judge.must(simulation.stepCount < stepCountMax, "no endless round", () => `${simulation.stepCount} steps`)
    }
    if (judge.violation === undefined) checkEnd(this)
    return this.result()
  }

  /** Shuts the pool down when nobody waits any more, or at a time by which everybody must have been answered. */
  private endWhenAnswered(latestMillis: number): void {
    const isAnswered = Array.from(this.present).every((caller) => caller.isLeaking)
    if (!isAnswered && this.nowMillis < latestMillis) {
      this.simulation.after(100, () => {
        this.endWhenAnswered(latestMillis)
      })
      return
    }
    this.isEnded = true
    for (const caller of this.present) caller.releaseLeaked()
    this.shutdown(100)
    this.simulation.after(2 * stallMillis, () => {
      for (const caller of this.present) caller.interrupt()
      this.simulation.fork(Scope.close(this.scope, Exit.void))
    })
  }

  private listen(): void {
    this.simulation.fork(
      Effect.raceFirst(
        Stream.runForEach(this.pool.events, (event) => Effect.sync(() => this.events.push(event))),
        Effect.sleep(20_000_000)
      )
    )
  }

  private result(): RunResult {
    const tally = new Map(this.moves)
    const add = (key: string, count = 1) => tally.set(key, (tally.get(key) ?? 0) + count)
    for (const { _tag } of this.script.operations) add(`operation ${_tag}`)
    for (const { outcome } of this.callers) add(`caller ${outcome}`)
    for (const event of this.events) add(`event ${eventKey(event)}`)
    for (const [fault, count] of this.peers.faults) add(`fault ${fault}`, count)
    return resultOf(this.judge, this.simulation, tally)
  }
}

const priorities = ["urgent", "normal", "background"]

const describe = (message: unknown): string => {
  const parts = Array.isArray(message) ? message : [message]
  return parts
    .map((part) =>
      Cause.isCause(part) ? Cause.pretty(part) : part instanceof Error ? (part.stack ?? "") : String(part)
    )
    .join(" ")
}

export const runPoolScript = (script: PoolScript, options: RunOptions = {}): RunResult =>
  new PoolWorld(script, options).run()
