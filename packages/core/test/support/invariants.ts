/**
 * What must hold of a pool's state whenever none of its code runs. Specs ask after every scenario, the property test
 * after every step.
 */
import { coveredCount } from "../../src/internal/covering.ts"
import { dialsNeeded } from "../../src/internal/demand.ts"
import type { Entry } from "../../src/internal/Entry.ts"
import type { IdleList } from "../../src/internal/IdleList.ts"
import type { PoolState } from "../../src/internal/PoolState.ts"
import { mayLease } from "../../src/internal/pumping.ts"
import type { RoutePool } from "../../src/internal/RoutePool.ts"

/** Everything that is wrong, a line each; empty when all is well. */
export const violations = <C>(state: PoolState<C>): ReadonlyArray<string> => {
  const found: Array<string> = []
  const expect = (what: string, actual: unknown, expected: unknown) => {
    if (actual !== expected) found.push(`${what}: ${String(actual)}, expected ${String(expected)}`)
  }
  const routes = Array.from(state.routes.values())
  for (const route of routes) checkRoute(state, route, expect)
  const sum = (of: (route: RoutePool<C>) => number) => routes.reduce((total, route) => total + of(route), 0)
  expect(
    "openCount",
    state.openCount,
    sum((route) => route.connections.size)
  )
  expect("budget.held", state.budget.held, state.openCount)
  expect(
    "activeCount",
    state.activeCount,
    sum((route) => route.activeCount)
  )
  expect(
    "pendingCount",
    state.pendingCount,
    sum((route) => route.pending.liveCount)
  )
  expect(
    "dialling permits",
    state.diallingPermits.held,
    sum((route) => route.diallingCount)
  )

  expect(
    "idle of the pool",
    walk(state.idle, "poolOlder", "poolNewer", expect).length,
    sum((route) => route.idle.size)
  )
  expect("leases listed", countLeases(state), state.activeCount)
  expect("dirty routes", state.dirty.size, 0)
  expect("isPumping", state.isPumping, false)
  for (const route of state.emptyRoutes) expect(`${route.route.label} is known`, routes.includes(route), true)
  for (const [name, blocked] of Object.entries({
    starving: state.starving,
    diallingBlocked: state.diallingBlocked,
    activeBlocked: state.activeBlocked
  })) {
    for (const route of blocked) expect(`${name} ${route.route.label} is known`, routes.includes(route), true)
  }
  const guaranteed = new Map<unknown, number>()
  for (const { guarantee, permits } of routes) {
    if (guarantee !== undefined) guaranteed.set(guarantee, (guaranteed.get(guarantee) ?? 0) + permits.held)
  }
  for (const guarantee of state.guarantees.values()) {
    expect("held of a guarantee", guarantee.heldCount, guaranteed.get(guarantee) ?? 0)
  }
  return found
}

type Expect = (what: string, actual: unknown, expected: unknown) => void

const inState = <C>(route: RoutePool<C>, state: Entry<C>["state"]): ReadonlyArray<Entry<C>> =>
  Array.from(route.connections).filter((entry) => entry.state === state)

const checkRoute = <C>(state: PoolState<C>, route: RoutePool<C>, expect: Expect): void => {
  const of = (what: string) => `${route.route.label}: ${what}`
  const entries = Array.from(route.connections)
  expect(of("permits held"), route.permits.held, entries.length)
  expect(of("diallingCount"), route.diallingCount, inState(route, "connecting").length)
  expect(of("validatingCount"), route.validatingCount, inState(route, "validating").length)
  expect(
    of("activeCount"),
    route.activeCount,
    entries.reduce((total, entry) => total + entry.slotsInUse, 0)
  )
  expect(of("returningCount"), route.returningCount, entries.filter((entry) => entry.isReturning).length)
  expect(of("spare dials"), route.spareDialCount, inState(route, "connecting").filter((entry) => entry.isSpare).length)
  expect(of("fresh connections"), route.fresh.length, 0)
  const isWithout = route.pending.liveCount === 0
  expect(of("has a turn and no waiter"), isWithout && hasTurn(state, route), false)
  expect(of("uncoveredCount"), route.uncoveredCount, Math.max(0, route.pending.liveCount - coveredCount(route)))
  const listed = walk(route.idle, "routeOlder", "routeNewer", expect)
  expect(of("idle size"), route.idle.size, listed.length)
  for (const entry of entries) {
    const is = (what: string) => of(`connection ${entry.id} (${entry.state}) ${what}`)
    expect(is("of its route"), entry.route, route)
    expect(is("idle-listed"), entry.isIdleListed, entry.state === "idle" && entry.hasFreeSlot)
    expect(is("stands in the idle list"), listed.includes(entry), entry.isIdleListed)
    expect(
      is("bucket"),
      entry.bucketIndex,
      entry.state === "leased" && entry.hasFreeSlot && entry.slotsInUse > 0 ? entry.slotsInUse : -1
    )
    if (entry.state === "idle" || entry.state === "validating") {
      expect(is("slots in use"), entry.slotsInUse, 0)
      expect(is("can still be used"), entry.usesCount < entry.usesMax && entry.closeReason === undefined, true)
    }
    if (entry.state === "leased" || entry.state === "draining") expect(is("in use"), entry.slotsInUse > 0, true)
  }
  expect(of("noted as empty"), state.emptyRoutes.has(route), route.isEmpty)
  expect(of("permits over the limit while idle"), route.permits.isOver && route.idle.size > 0, false)
  checkNobodyIsForgotten(state, route, of, expect)
}

const hasTurn = <C>(state: PoolState<C>, route: RoutePool<C>): boolean =>
  state.starving.has(route) || state.diallingBlocked.has(route) || state.activeBlocked.has(route)

/** No waiter waits while it could be served, or while a dial for it could be begun. */
const checkNobodyIsForgotten = <C>(
  state: PoolState<C>,
  route: RoutePool<C>,
  of: (what: string) => string,
  expect: Expect
): void => {
  if (route.pending.liveCount === 0 || state.phase !== "open") return
  const isOffered = route.idle.size > 0 || route.partlyUsed.leastLoaded() !== undefined
  const isCovered = route.probingCount >= route.pending.liveCount
  expect(of("a waiter beside a free connection"), isOffered && mayLease(state, route) && !isCovered, false)
  const isPausedByFailure = route.backoffUntilMillis > state.monotonicMillis()
  const mayDial =
    dialsNeeded(state, route) > 0 &&
    !isPausedByFailure &&
    route.permits.free > 0 &&
    route.diallingCount < route.limits.diallingMax &&
    state.diallingPermits.free > 0 &&
    state.guarantees.size === 0
  expect(of("a waiter, and a permit free for its dial"), mayDial && state.budget.free > 0, false)
  const victims = Array.from(state.routes.values()).filter((other) => other !== route && other.idle.size > 0)
  const isEvicting = state.returningCount >= dialsNeeded(state, route)
  expect(of("a waiter, and another's idle connection"), mayDial && victims.length > 0 && !isEvicting, false)
}

const walk = <C>(
  list: IdleList<C>,
  older: "routeOlder" | "poolOlder",
  newer: "routeNewer" | "poolNewer",
  expect: Expect
): ReadonlyArray<Entry<C>> => {
  const seen: Array<Entry<C>> = []
  for (let entry = list.oldest; entry !== undefined; entry = entry[newer]) {
    expect("link to the older", entry[older], seen.at(-1))
    expect("in the order of age", (seen.at(-1)?.idleSinceMillis ?? 0) <= entry.idleSinceMillis, true)
    seen.push(entry)
  }
  expect("the newest", list.newest, seen.at(-1))
  expect("the size", list.size, seen.length)
  return seen
}

const countLeases = <C>(state: PoolState<C>): number => {
  let count = 0
  for (const list of [state.leases, state.reportedLeases]) {
    for (let lease = list.oldest; lease !== undefined; lease = lease.newer) count++
  }
  return count
}

/** Fibers that the pool's scope still owns. */
export const fibersOf = <C>(state: PoolState<C>): number => {
  const scope = state.scope.state
  return scope._tag === "Open" ? (scope.finalizers?.size ?? 1) : 0
}
