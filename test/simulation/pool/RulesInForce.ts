/**
 * The configuration as the world understands it, without the pool's own reading of it, and the rules that hold at the
 * moment of a dial or a lease.
 */
import { type PoolConfig, poolDefaults, type Route, routeDefaults } from "@weir/core"
import { Duration } from "effect"
import type { Judge } from "../Violation.ts"
import type { SimulatedConnection } from "./SimulatedPeers.ts"

type RouteKnobs = typeof routeDefaults
type PoolKnobs = typeof poolDefaults

/** Knobs of a route as plain numbers and words; `Infinity` for unlimited and never. */
export interface RouteRules {
  readonly connectionsMax: number
  readonly diallingMax: number
  readonly idleMax: number
  readonly pendingMax: number
  readonly activeMax: number
  readonly usesMax: number
  readonly slotsMax: number
  readonly acquireMillis: number
  readonly closeMillis: number
  readonly idleMillis: number
  readonly lifetimeMillis: number
  readonly validateAfterMillis: number
  readonly isLifo: boolean
  readonly isWaitLifo: boolean
}

export interface PoolRules {
  readonly connectionsMax: number
  readonly diallingMax: number
  readonly idleMax: number
  readonly activeMax: number
}

const toCount = (limit: unknown): number => (typeof limit === "number" ? limit : Number.POSITIVE_INFINITY)

const toMillis = (time: unknown): number => {
  if (time === "never") return Number.POSITIVE_INFINITY
  return Duration.isDuration(time) ? Duration.toMillis(time) : toCount(time)
}

export class RulesInForce {
  config: PoolConfig
  /** What was in force a moment ago: a permit taken then may be used now. Forgotten when nothing is ready any more. */
  private before: PoolConfig
  private readonly judge: Judge
  private readonly passedBy: Array<{ readonly leased: SimulatedConnection; readonly one: SimulatedConnection }> = []
  private readonly cache = new Map<string, RouteRules>()

  constructor(config: PoolConfig, judge: Judge) {
    this.config = config
    this.before = config
    this.judge = judge
  }

  configure(config: PoolConfig): void {
    this.before = this.config
    this.config = config
    this.cache.clear()
  }

  /** Nothing is ready any more: whatever was begun in this moment, or under the configuration before, has come to rest. */
  settle(): void {
    if (this.passedBy.length > 0) this.checkPassedBy()
    if (this.before === this.config) return
    this.before = this.config
    this.cache.clear()
  }

  ofRoute(route: Route.Route): RouteRules {
    const known = this.cache.get(route.key)
    if (known !== undefined) return known
    const now = readRoute(this.config, route)
    const old = this.before === this.config ? now : readRoute(this.before, route)
    const looser = (knob: Exclude<keyof RouteRules, "isLifo" | "isWaitLifo">) => Math.max(now[knob], old[knob])
    const rules: RouteRules = {
      connectionsMax: looser("connectionsMax"),
      diallingMax: looser("diallingMax"),
      idleMax: looser("idleMax"),
      pendingMax: looser("pendingMax"),
      activeMax: looser("activeMax"),
      usesMax: looser("usesMax"),
      slotsMax: looser("slotsMax"),
      acquireMillis: now.acquireMillis,
      closeMillis: looser("closeMillis"),
      idleMillis: looser("idleMillis"),
      lifetimeMillis: looser("lifetimeMillis"),
      validateAfterMillis: looser("validateAfterMillis"),
      isLifo: now.isLifo,
      isWaitLifo: now.isWaitLifo
    }
    this.cache.set(route.key, rules)
    return rules
  }

  get ofPool(): PoolRules {
    const read = (knob: "connectionsMax" | "diallingMax" | "idleMax" | "activeMax") =>
      Math.max(toCount(poolKnob(this.config, knob)), toCount(poolKnob(this.before, knob)))
    return {
      connectionsMax: read("connectionsMax"),
      diallingMax: read("diallingMax"),
      idleMax: read("idleMax"),
      activeMax: read("activeMax")
    }
  }

  /** `connection` has just been counted in. */
  checkDial(
    connection: SimulatedConnection,
    count: (isCounted: (one: SimulatedConnection) => boolean) => number
  ): void {
    const { route } = connection
    const rules = this.ofRoute(route)
    const isOfRoute = (one: SimulatedConnection) => one.route.key === route.key
    const isDialling = (one: SimulatedConnection) => one.state === "dialling"
    const limit = (rule: string, found: number, most: number) =>
      this.judge.must(found <= most, rule, () => `${found} of ${most} with ${connection.name}`)
    limit(
      "connectionsMax",
      count(() => true),
      this.ofPool.connectionsMax
    )
    limit("connectionsPerRouteMax", count(isOfRoute), rules.connectionsMax)
    limit("diallingMax", count(isDialling), this.ofPool.diallingMax)
    limit(
      "diallingPerRouteMax",
      count((one) => isDialling(one) && isOfRoute(one)),
      rules.diallingMax
    )
  }

  checkLease(
    connection: SimulatedConnection,
    live: ReadonlySet<SimulatedConnection>,
    nowMillis: number,
    hasProbe: boolean
  ): void {
    const rules = this.ofRoute(connection.route)
    const { judge } = this
    const usesMax = Math.min(rules.usesMax, connection.usesMax)
    judge.must(
      connection.usesCount < usesMax,
      "no more uses than allowed",
      () => `${connection.name} has had ${connection.usesCount} of ${usesMax}`
    )
    if (connection.isFresh) return
    const idleMillis = nowMillis - connection.idleSinceMillis
    const ageMillis = nowMillis - connection.openedAtMillis
    judge.must(
      idleMillis === 0 || idleMillis < connection.idleMillisMax,
      "no lease after the idle timeout",
      () => `${connection.name} had been idle for ${idleMillis} of ${connection.idleMillisMax} ms`
    )
    judge.must(
      ageMillis < connection.lifetimeMillisMax,
      "no lease after the lifetime",
      () => `${connection.name} was ${ageMillis} of ${connection.lifetimeMillisMax} ms old`
    )
    if (hasProbe) {
      const verifiedMillis = nowMillis - connection.verifiedAtMillis
      judge.must(
        rules.validateAfterMillis > 0 && verifiedMillis <= rules.validateAfterMillis,
        "probed before use",
        () => `${connection.name} had not been seen for ${verifiedMillis} ms (${rules.validateAfterMillis})`
      )
    } else {
      this.checkOrder(connection, live, nowMillis, rules)
    }
  }

  /** Of the idle connections that could have been leased, is it the one whose turn it was? */
  private checkOrder(
    leased: SimulatedConnection,
    live: ReadonlySet<SimulatedConnection>,
    nowMillis: number,
    rules: RouteRules
  ): void {
    const isBetter = (one: SimulatedConnection) =>
      rules.isLifo ? one.idleSinceMillis > leased.idleSinceMillis : one.idleSinceMillis < leased.idleSinceMillis
    for (const one of live) {
      if (one === leased || one.route.key !== leased.route.key || !one.isOffered || !isBetter(one)) continue
      const isExpired =
        nowMillis - one.idleSinceMillis >= one.idleMillisMin ||
        nowMillis - one.openedAtMillis >= one.lifetimeMillisMin ||
        one.usesCount >= Math.min(rules.usesMax, one.usesMax)
      this.judge.must(true, "leased in order", () => "")
      if (!isExpired) this.passedBy.push({ leased, one })
    }
  }

  /** The pool may have closed the one in this moment, and its peer hears of that in the moment's course. */
  private checkPassedBy(): void {
    for (const { leased, one } of this.passedBy.splice(0)) {
      this.judge.must(one.state !== "open", "leased in order", () => `${leased.name} before ${one.name}`)
    }
  }
}

const poolKnob = <K extends keyof PoolKnobs>(config: PoolConfig, knob: K): unknown => config[knob] ?? poolDefaults[knob]

const readRoute = (config: PoolConfig, route: Route.Route): RouteRules => {
  const override = config.overrides?.find(({ match }) => match === `sim://${route.host}:*`)
  const knob = (name: keyof RouteKnobs): unknown => override?.[name] ?? config[name] ?? routeDefaults[name]
  const mode = knob("mode")
  const count = (name: keyof RouteKnobs) => (mode === "unlimited" ? Number.POSITIVE_INFINITY : toCount(knob(name)))
  return {
    connectionsMax: mode === "single-flight" ? 1 : count("connectionsPerRouteMax"),
    diallingMax: count("diallingPerRouteMax"),
    idleMax: mode === "disabled" ? 0 : toCount(knob("idlePerRouteMax")),
    pendingMax: count("pendingPerRouteMax"),
    activeMax: count("activePerRouteMax"),
    usesMax: mode === "disabled" ? 1 : toCount(knob("usesPerConnectionMax")),
    slotsMax: mode === "single-flight" ? Number.POSITIVE_INFINITY : toCount(knob("slotsPerConnectionMax")),
    acquireMillis: toMillis(knob("acquireTimeout")),
    closeMillis: toMillis(knob("closeTimeout")),
    // One of the minimum stays beyond its time.
    idleMillis: knob("idlePerRouteMin") === 0 ? toMillis(knob("idleTimeout")) : Number.POSITIVE_INFINITY,
    lifetimeMillis: toMillis(knob("lifetime")),
    validateAfterMillis: toMillis(knob("validateAfterInactivity")),
    isLifo: knob("leaseOrder") === "lifo",
    isWaitLifo: knob("waitOrder") === "lifo"
  }
}
