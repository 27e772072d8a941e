/**
 * The rules that hold whenever nothing is ready any more, and those that hold when a run has ended. They compare what
 * the pool says of itself with the world's own books.
 */
import type { ConnectionPool, PoolEvent, PoolStats, RouteReport, RouteStats } from "@weir/core"
import type { Simulation } from "@weir/testkit"
import { Effect } from "effect"
import type { Judge } from "../Violation.ts"
import type { Caller } from "./Caller.ts"
import { eventKey } from "./eventKey.ts"
import { type PoolScript, routes } from "./PoolScript.ts"
import type { RouteRules, RulesInForce } from "./RulesInForce.ts"
import type { SimulatedConnection, SimulatedPeers } from "./SimulatedPeers.ts"

/** What the rules look at. */
export interface JudgedWorld {
  readonly script: PoolScript
  readonly simulation: Simulation
  readonly judge: Judge
  readonly rules: RulesInForce
  readonly peers: SimulatedPeers
  readonly pool: ConnectionPool.ConnectionPool<SimulatedConnection>
  readonly callers: ReadonlyArray<Caller>
  /** Callers that have asked and are not done. */
  readonly present: ReadonlySet<Caller>
  readonly events: ReadonlyArray<PoolEvent>
  readonly stats: PoolStats
  readonly nowMillis: number
  readonly servedCount: number
  readonly isPaused: boolean
  readonly pausedRoutes: ReadonlySet<string>
  readonly isShutDown: boolean
}

export const checkQuiet = (world: JudgedWorld): void => {
  const { judge, nowMillis, peers, stats } = world
  for (const caller of world.present) {
    judge.must(caller.state !== "new", "callers come to the pool", () => caller.name)
    if (caller.state !== "waiting") continue
    judge.must(nowMillis < caller.deadlineMillis, "nobody waits past the deadline", () => caller.name)
  }
  checkBooks(world, stats.connections.used, (one) => peers.holdsPermit(one), "permits are open connections", "pool")
  checkBooks(world, stats.dialling.used, (one) => one.state === "dialling", "dials are dials", "pool")
  const waiting = count(world, (caller) => caller.state === "waiting")
  judge.equal(stats.pending.used, waiting, "waiters are callers that wait", "pool")
  const holding = count(world, (caller) => caller.lease?.isLive === true)
  judge.equal(stats.active.used, holding, "leases are callers that hold", "pool")
  for (const route of stats.routes) checkRoute(world, route)
}

/** The pool counts what its peers count; of the dials that it gave up in its shutdown it may count any. */
const checkBooks = (
  { judge, peers }: JudgedWorld,
  found: number,
  isCounted: (one: SimulatedConnection) => boolean,
  rule: string,
  what: string
): void => {
  const least = peers.countOf((one) => !one.isGivenUp && isCounted(one))
  const most = peers.isShuttingDown ? peers.countOf((one) => one.isGivenUp || isCounted(one)) : least
  judge.must(
    found >= least && found <= most,
    rule,
    () => `${what}: ${found}, expected ${least}${most === least ? "" : ` to ${most}`}`
  )
}

const count = (world: JudgedWorld, isCounted: (caller: Caller) => boolean): number => {
  let found = 0
  for (const caller of world.present) if (isCounted(caller)) found++
  return found
}

const checkRoute = (world: JudgedWorld, stats: RouteStats): void => {
  const { judge, peers } = world
  const route = routes.find(({ key }) => key === stats.routeKey)
  if (route === undefined) throw new Error(`the pool knows a route ${stats.route} that the world does not`)
  const rules = world.rules.ofRoute(route)
  const isOf = (one: { readonly route: { readonly key: string } }) => one.route.key === route.key
  const isOpen = (one: SimulatedConnection) => isOf(one) && peers.holdsPermit(one)
  checkBooks(world, stats.connections.used, isOpen, "permits are open connections", stats.route)
  const waiting = count(world, (caller) => isOf(caller) && caller.state === "waiting")
  judge.equal(stats.pending.used, waiting, "waiters are callers that wait", stats.route)
  const holding = count(world, (caller) => isOf(caller) && caller.lease?.isLive === true)
  judge.equal(stats.active.used, holding, "leases are callers that hold", stats.route)
  const idle = peers.countOf((one) => isOf(one) && one.state === "open" && !one.isLeased && !one.isChecked)
  judge.must(
    stats.idle.used <= idle,
    "idle connections are open ones",
    () => `${stats.route}: ${stats.idle.used}, ${idle}`
  )
  judge.must(
    stats.idle.used <= rules.idleMax,
    "idlePerRouteMax",
    () => `${stats.route}: ${stats.idle.used} of ${rules.idleMax}`
  )
  judge.must(
    stats.idle.used === 0 || world.stats.idle.used <= world.rules.ofPool.idleMax,
    "idleMax",
    () => `${world.stats.idle.used} of ${world.rules.ofPool.idleMax}`
  )
  for (const one of peers.live) if (isOf(one)) checkExpiry(world, one)
  if (waiting > 0) checkNobodyIsForgotten(world, stats, rules, Effect.runSync(world.pool.report(route)))
}

/** The sweeper is in time. */
const checkExpiry = (world: JudgedWorld, one: SimulatedConnection): void => {
  const { judge, nowMillis } = world
  if (one.state !== "open" || one.isLeased || one.isChecked || one.slotsOffered === 0) return
  judge.must(!one.isLostToPool, "a lost connection is closed", () => one.name)
  judge.must(!one.isDraining, "a draining connection is closed when idle", () => one.name)
  const idleMillis = nowMillis - one.idleSinceMillis
  const isInTime = idleMillis === 0 || idleMillis <= Math.ceil(one.idleMillisMax)
  judge.must(
    isInTime,
    "idle connections are closed in time",
    () => `${one.name}: ${idleMillis} of ${one.idleMillisMax} ms`
  )
  const ageMillis = nowMillis - one.openedAtMillis
  judge.must(
    ageMillis <= Math.ceil(one.lifetimeMillisMax),
    "old connections are closed in time",
    () => `${one.name}: ${ageMillis} of ${one.lifetimeMillisMax} ms`
  )
}

/** No waiter waits while it could be served, or while a dial for it could be begun. */
const checkNobodyIsForgotten = (
  world: JudgedWorld,
  stats: RouteStats,
  rules: RouteRules,
  report: RouteReport
): void => {
  const { judge, peers, rules: inForce } = world
  const isOf = (one: { readonly route: { readonly key: string } }) => one.route.key === stats.routeKey
  const isHeld =
    world.isShutDown ||
    world.isPaused ||
    world.pausedRoutes.has(stats.routeKey) ||
    stats.active.used >= rules.activeMax ||
    world.stats.active.used >= inForce.ofPool.activeMax
  if (isHeld) return
  const checked = peers.countOf((one) => isOf(one) && one.isChecked)
  const waiting = stats.pending.used
  judge.must(
    stats.idle.used === 0 || checked >= waiting,
    "nobody waits beside an idle connection",
    () => `${stats.route}: ${waiting} wait, ${stats.idle.used} idle, ${checked} checked`
  )
  const isDialAllowed =
    report.backoffMillis === 0 &&
    stats.connections.used < rules.connectionsMax &&
    world.stats.connections.used < inForce.ofPool.connectionsMax &&
    stats.dialling.used < rules.diallingMax &&
    world.stats.dialling.used < inForce.ofPool.diallingMax &&
    inForce.config.overrides === undefined
  const activeRoom = Math.min(rules.activeMax - stats.active.used, inForce.ofPool.activeMax - world.stats.active.used)
  // With several slots one dial may serve many.
  const isEnough = stats.dialling.used + checked >= (rules.slotsMax === 1 ? Math.min(waiting, activeRoom) : 1)
  judge.must(
    !isDialAllowed || isEnough,
    "nobody waits without a dial",
    () => `${stats.route}: ${waiting} wait, ${stats.dialling.used} dials, ${checked} checks`
  )
}

/** Everything has come home. */
export const checkEnd = (world: JudgedWorld): void => {
  const { judge, peers, simulation, stats } = world
  for (const caller of world.callers) {
    judge.must(caller.state === "done", "every caller is answered", () => `${caller.name} is ${caller.state}`)
    judge.must(caller.lease?.isLive !== true, "no lease outlives the pool", () => caller.name)
  }
  for (const one of peers.live) judge.must(false, "all connections are closed", () => `${one.name} is ${one.state}`)
  judge.equal(stats.connections.used, 0, "permits home", "connections")
  judge.equal(stats.dialling.used, 0, "permits home", "dials")
  judge.equal(stats.active.used, 0, "permits home", "leases")
  judge.equal(stats.pending.used, 0, "queues empty", "waiters")
  judge.equal(stats.idle.used, 0, "queues empty", "idle connections")
  judge.equal(stats.phase, "closed", "the pool is closed", "phase")
  judge.equal(simulation.liveFiberCount, 0, "no fiber left", "fibers")
  judge.equal(simulation.clock.timerCount, 0, "no timer left", "timers")
  checkCounts(world)
}

/** Statistics, events and books agree. */
const checkCounts = (world: JudgedWorld): void => {
  const { events, judge, peers, stats } = world
  const counted = new Map<string, number>()
  for (const event of events) {
    for (const key of new Set([event._tag, eventKey(event)])) counted.set(key, (counted.get(key) ?? 0) + 1)
  }
  const agree = (what: string, found: number, expected: number) =>
    judge.equal(found, expected, "statistics and events agree", what)
  const heard = (key: string) => counted.get(key) ?? 0
  // A dial may be given up when it has just been opened.
  judge.must(stats.createdCount <= peers.connectedCount, "statistics and events agree", () => "connected")
  // A dial may be given up before its fiber has begun.
  judge.must(heard("Dialling") >= peers.dialCount, "statistics and events agree", () => "dials")
  agree("connected heard of", heard("Connected"), stats.createdCount)
  agree("leases heard of", heard("Leased"), stats.leasedCount)
  agree("returns heard of", heard("Returned"), stats.leasedCount)
  judge.must(stats.leasedCount >= world.servedCount, "statistics and events agree", () => "leases served")
  agree("cancelled", heard("Cancelled"), stats.cancelledCount)
  agree("failed dials", heard("ConnectFailed"), stats.connectFailedCount)
  let closedCount = 0
  for (const [reason, closed] of Object.entries(stats.closedByReason)) {
    closedCount += closed
    agree(`closed ${reason}`, heard(`Closed ${reason}`), closed)
  }
  agree("closed", closedCount, stats.createdCount)
  for (const [reason, refused] of Object.entries(stats.refusedByReason)) {
    // The events end with the pool; refusals do not.
    if (reason !== "pool-closed") agree(`refused ${reason}`, heard(`Refused ${reason}`), refused)
  }
  const timedOut = Object.values(stats.timedOutByPhase).reduce((sum, one) => sum + one, 0)
  agree("timed out", heard("TimedOut"), timedOut)
}
