/**
 * A pending acquire, as an object with one settle rule: it is delivered once, or failed once, or cancelled once.
 */
import type { PoolError } from "../PoolError.ts"
import type { Lease } from "./Lease.ts"
import type { RoutePool } from "./RoutePool.ts"
import type { Trace } from "./tracing.ts"

/** The classes in which waiters are served; a class is served only while every class before it is empty. */
export const priorities = ["urgent", "normal", "background"] as const

/** The class in which a caller waits: `urgent`, `normal` or `background`. */
export type Priority = (typeof priorities)[number]

export type WaiterState = "waiting" | "delivered" | "failed" | "cancelled"

export class Waiter<C> {
  readonly route: RoutePool<C>
  /** Order of arrival over all routes of the pool. */
  readonly sequence: number
  readonly priority: Priority
  /** On the monotonic clock. */
  readonly arrivedAtMillis: number
  /** On the monotonic clock; `Infinity` without a deadline. Absolute: nothing moves it. */
  readonly deadlineMillis: number
  readonly holder: string | undefined
  readonly stack: string | undefined
  /** Its span, where its caller is traced. */
  readonly trace: Trace | undefined
  /** Called once, with what the waiter got; it may run the caller's code on this stack. */
  readonly settle: (result: Lease<C> | PoolError) => void
  state: WaiterState = "waiting"
  /** Its caller has gone away, and must not be told anything any more. */
  isWithdrawn = false

  constructor(fields: {
    readonly route: RoutePool<C>
    readonly sequence: number
    readonly priority: Priority
    readonly arrivedAtMillis: number
    readonly deadlineMillis: number
    readonly holder: string | undefined
    readonly stack: string | undefined
    readonly trace: Trace | undefined
    readonly settle: (result: Lease<C> | PoolError) => void
  }) {
    this.route = fields.route
    this.sequence = fields.sequence
    this.priority = fields.priority
    this.arrivedAtMillis = fields.arrivedAtMillis
    this.deadlineMillis = fields.deadlineMillis
    this.holder = fields.holder
    this.stack = fields.stack
    this.trace = fields.trace
    this.settle = fields.settle
  }
}
