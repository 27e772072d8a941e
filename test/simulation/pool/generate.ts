/**
 * Random runs of the pool world: small pools, since small limits meet each other soonest, and short times, so that
 * different things come due at the same millisecond.
 */
import type { PoolConfig } from "@weir/core"
import { Chance } from "@weir/testkit"
import type { Call, Operation, Peers, PoolScript } from "./PoolScript.ts"

const routeCount = 4

/** Mostly one of these, so that times meet. */
const roundMillis = [0, 1, 5, 10, 10, 20, 50, 100] as const

const millis = (chance: Chance): number => (chance.isHit(0.8) ? chance.pick(roundMillis) : chance.between(0, 150))

/** A ratio that is 0 in most worlds, so that each fault is also seen alone. */
const fault = (chance: Chance, ratio: number): number => (chance.isHit(0.25) ? ratio : 0)

export const generate = (seed: number, operationCountMax: number): PoolScript => {
  const chance = new Chance(seed).fork("pool script")
  const operationCount = chance.between(3, Math.max(4, operationCountMax))
  const hasManySlots = chance.isHit(0.2)
  const config = makeConfig(chance, hasManySlots)
  const operations: Array<Operation> = []
  // Peers that are watched for long enough are learned from.
  const pace = chance.isHit(0.05) ? 40 : 1
  let atMillis = 0
  for (let index = 0; index < operationCount; index++) {
    if (!chance.isHit(0.4)) atMillis += pace * millis(chance)
    operations.push(makeOperation(chance, atMillis, config, hasManySlots))
  }
  return {
    world: "pool",
    seed,
    interleaving: chance.isHit(0.75) ? "random" : "in-order",
    yieldRatio: chance.pick([0, 0.02, 0.2]),
    config,
    peers: makePeers(chance, hasManySlots),
    operations
  }
}

const makePeers = (chance: Chance, hasManySlots: boolean): Peers => ({
  connectMillisMax: chance.pick([0, 1, 10, 50]),
  connectFailRatio: fault(chance, 0.4),
  connectHangRatio: fault(chance, 0.2),
  connectDeafRatio: fault(chance, 0.3),
  closeMillisMax: chance.isHit(0.5) ? 0 : chance.pick([1, 10, 30]),
  closeStallRatio: fault(chance, 0.2),
  lossRatio: fault(chance, 0.4),
  silentLossRatio: fault(chance, 0.5),
  idleCloseMillis: chance.isHit(0.2) ? chance.pick([5, 20, 600]) : 0,
  idleHintMillis: chance.isHit(0.15) ? chance.pick([10, 1005, 1020]) : 0,
  usesHint: chance.isHit(0.15) ? chance.between(1, 3) : 0,
  slotsOffered: hasManySlots && chance.isHit(0.7) ? chance.between(1, 4) : 0,
  hasProbe: chance.isHit(0.35),
  hasPing: chance.isHit(0.15),
  checkMillisMax: chance.pick([0, 1, 10, 30]),
  checkFailRatio: fault(chance, 0.3),
  checkHangRatio: fault(chance, 0.2),
  checkLossRatio: fault(chance, 0.3),
  leaseRaceRatio: fault(chance, 0.3)
})

const makeConfig = (chance: Chance, hasManySlots: boolean): PoolConfig => {
  const maybe = <A>(ratio: number, value: () => A): A | undefined => (chance.isHit(ratio) ? value() : undefined)
  const perRoute = chance.between(1, 4)
  const idlePerRouteMin = chance.isHit(0.1) ? 1 : undefined
  return defined({
    mode: maybe(0.15, () => chance.pick(["unlimited", "disabled", "single-flight"] as const)),
    connectionsMax: maybe(0.7, () => chance.between(1, 6)),
    connectionsPerRouteMax: perRoute,
    diallingMax: maybe(0.25, () => chance.between(1, 3)),
    diallingPerRouteMax: maybe(0.25, () => chance.between(1, 2)),
    idleMax: maybe(0.2, () => chance.between(idlePerRouteMin ?? 0, 3)),
    idlePerRouteMax: idlePerRouteMin === undefined ? maybe(0.25, () => chance.between(0, 2)) : undefined,
    idlePerRouteMin,
    pendingMax: maybe(0.2, () => chance.between(0, 6)),
    pendingPerRouteMax: maybe(0.25, () => chance.between(0, 4)),
    pendingIncludesDialling: maybe(0.3, () => true),
    activeMax: maybe(0.2, () => chance.between(1, 5)),
    activePerRouteMax: maybe(0.2, () => chance.between(1, 3)),
    activeOverflow: maybe(0.3, () => "refuse" as const),
    usesPerConnectionMax: maybe(0.25, () => chance.between(1, 4)),
    slotsPerConnectionMax: hasManySlots ? chance.between(2, 4) : undefined,
    acquireTimeout: chance.isHit(0.1) ? "never" : chance.pick([0, 1, 10, 50, 100, 300, 5000]),
    connectTimeout: chance.isHit(0.1) ? "never" : chance.pick([5, 10, 20, 100, 10_000]),
    closeTimeout: chance.pick([1, 5, 50, 5000]),
    idleTimeout: chance.isHit(0.2) ? "never" : Math.max(idlePerRouteMin ?? 0, chance.pick([0, 1, 10, 50, 200, 60_000])),
    lifetime: maybe(0.25, () => chance.pick([1, 20, 100, 500])),
    lifetimeJitterRatio: maybe(0.5, () => 0),
    idleJitterRatio: maybe(0.15, () => 0.5),
    validateAfterInactivity: maybe(0.6, () => chance.pick([0, 1, 10, 50])),
    validationTimeout: maybe(0.6, () => chance.pick([1, 10, 20])),
    pingInterval: maybe(0.3, () => chance.pick([5, 10, 30])),
    leaseOrder: maybe(0.4, () => "fifo" as const),
    waitOrder: maybe(0.15, () => "lifo" as const),
    isSheddingHopeless: maybe(0.1, () => true),
    surplusDial: maybe(0.35, () => "cancel" as const),
    dialBackoffBase: maybe(0.5, () => chance.pick([1, 10, 40])),
    dialBackoffMax: maybe(0.5, () => chance.pick([0, 20, 100])),
    routesMax: maybe(0.15, () => chance.between(1, 4)),
    routeIdleTimeout: maybe(0.3, () => chance.pick([0, 10, 100])),
    leakThreshold: maybe(0.15, () => chance.pick([10, 100])),
    leakReclaimAfter: maybe(0.15, () => chance.pick([20, 200])),
    shutdownTimeout: chance.pick([0, 10, 200]),
    overrides: maybe(0.15, () => [
      { match: "sim://route0:*", connectionsPerRouteMax: perRoute, connectionsPerRouteGuaranteed: 1 }
    ])
  })
}

/** The configuration without the knobs that were left unset. */
const defined = <A extends object>(values: A): { [K in keyof A]: Exclude<A[K], undefined> } =>
  JSON.parse(JSON.stringify(values))

const makeOperation = (chance: Chance, atMillis: number, config: PoolConfig, hasManySlots: boolean): Operation => {
  if (chance.isHit(0.75)) return makeCall(chance, atMillis)
  const route = chance.below(routeCount)
  const routeOrAll = chance.isHit(0.3) ? -1 : route
  const nth = chance.below(8)
  const count = chance.between(0, 4)
  switch (chance.below(20)) {
    case 0:
    case 1:
      return { _tag: "Warm", atMillis, route, count }
    case 2:
      return { _tag: "DrainRoute", atMillis, route }
    case 3:
      return { _tag: "DrainAll", atMillis }
    case 4:
    case 5:
      return { _tag: "CloseIdle", atMillis, route: routeOrAll }
    case 6:
      return { _tag: "Pause", atMillis, route: routeOrAll }
    case 7:
    case 8:
    case 9:
      return { _tag: "Resume", atMillis, route: routeOrAll }
    case 10:
    case 11:
      return { _tag: "Configure", atMillis, config: changed(chance, config, hasManySlots) }
    case 12:
      return chance.isHit(0.2)
        ? { _tag: "Shutdown", atMillis, timeoutMillis: millis(chance) }
        : makeCall(chance, atMillis)
    default: {
      const says = chance.pick([
        "peer-closed",
        "peer-closed",
        "peer-data",
        "peer-error",
        "drain",
        "withdraw",
        "slots",
        "idle-hint",
        "uses-hint"
      ])
      return { _tag: "Peer", atMillis, nth, says, count }
    }
  }
}

/** Another configuration: some knobs of a new one. */
const changed = (chance: Chance, config: PoolConfig, hasManySlots: boolean): PoolConfig => {
  const other = makeConfig(chance, hasManySlots)
  const kept = Object.entries(other).filter(() => chance.isHit(0.4))
  const merged: PoolConfig = { ...config, ...Object.fromEntries(kept) }
  // The order of waiters is looked at over the whole run, and these two would contradict each other.
  return defined({
    ...merged,
    waitOrder: config.waitOrder,
    leaseOrder: config.leaseOrder,
    idlePerRouteMin: undefined,
    mode: config.mode,
    // Which one a close goes by that begins at the same moment cannot be seen from outside.
    closeTimeout: config.closeTimeout
  })
}

const makeCall = (chance: Chance, atMillis: number): Call => ({
  _tag: "Call",
  atMillis,
  // The first routes are the busiest.
  route: Math.min(chance.below(routeCount), chance.below(routeCount)),
  way: chance.pick(["plain", "plain", "plain", "use", "lease", "acquire"]),
  holdMillis: millis(chance),
  timeoutMillis: chance.isHit(0.3) ? chance.pick([-1, 1, 10, 20, 100]) : 0,
  priority: chance.isHit(0.2) ? chance.pick(["urgent", "background"]) : "normal",
  ending: chance.isHit(0.75) ? "release" : chance.pick(["release-twice", "discard", "fail", "leak"]),
  interruptAfterMillis: chance.isHit(0.2) ? Math.max(1, millis(chance)) : 0,
  againCount: chance.isHit(0.1) ? chance.between(1, 3) : 0
})
