export { describeIssue } from "./ConfigProblems.ts"
export * from "./ConnectionBudget.ts"
export * from "./ConnectionFactory.ts"
export * as ConnectionPool from "./ConnectionPool.ts"
export type { ConnectionState } from "./ConnectionState.ts"
export { type Deadline, Deadlines, makeDeadlines } from "./Deadlines.ts"
export type { Lease } from "./internal/Lease.ts"
export type { Priority } from "./internal/Waiter.ts"
export { type Limit, LimitFromOne, toCount } from "./Limit.ts"
export { didYouMean, nearestKey } from "./NearestKey.ts"
export {
  PoolConfig,
  PoolConfigError,
  poolConfigKeys,
  poolDefaults,
  RouteOverride,
  routeDefaults
} from "./PoolConfig.ts"
export * from "./PoolError.ts"
export type { PoolEvent } from "./PoolEvent.ts"
export type * from "./PoolReason.ts"
export type * from "./PoolStats.ts"
export * as Route from "./Route.ts"
export type * from "./RouteReport.ts"
export { matches as matchesPattern } from "./Settings.ts"
