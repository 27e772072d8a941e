/**
 * A pool of anything for promise users, in the manner of generic-pool and tarn, with what those lack: a bound and a
 * deadline for every waiter, limits per route, expiry, and reasons.
 */
import { ConnectionPool, type PoolConfig, type PoolEvent, type PoolStats, Route } from "@weir/core"
import { Cause, Duration, Effect, Exit, Scope, Stream } from "effect"
import { toWeirError } from "./WeirError.ts"

/** How the resources of a pool are opened, checked and closed. */
export interface PoolFactory<T> {
  /** Opens one. The signal is aborted when it takes longer than `connectTimeout`, or is no longer wanted. */
  readonly connect: (signal: AbortSignal) => Promise<T>
  readonly close: (resource: T) => Promise<void> | void
  /** Checks one that has been idle for longer than `validateAfterInactivity`: false, or a rejection, closes it. */
  readonly validate?: (resource: T) => Promise<boolean> | boolean
  /** Cheap and synchronous, asked before each reuse. */
  readonly isAlive?: (resource: T) => boolean
}

/** What can be said of one acquire. */
export interface AcquireOptions {
  /** Default: `acquireTimeout`, 30 seconds. */
  readonly timeoutMillis?: number
  readonly priority?: "urgent" | "normal" | "background"
  /** Names the caller in `explain`, events and leak reports. */
  readonly holder?: string
  /** Gives up waiting. */
  readonly signal?: AbortSignal
}

/** A resource on loan. Release it once; what is done with it after that touches nobody. */
export interface Loan<T> {
  readonly resource: T
  readonly release: () => void
  /** Gives it back to be closed: it is broken, or in an unknown state. */
  readonly destroy: () => void
  readonly [Symbol.dispose]: () => void
}

export interface Pool<T> {
  /** Rejects with a `WeirError`, or with the signal's reason. */
  readonly acquire: (options?: AcquireOptions) => Promise<Loan<T>>
  /** Lends a resource to `body`; it is closed if `body` rejects, since then its state is unknown. */
  readonly use: <A>(body: (resource: T) => Promise<A> | A, options?: AcquireOptions) => Promise<A>
  readonly stats: () => PoolStats
  readonly explain: () => string
  readonly events: () => AsyncIterable<PoolEvent>
  readonly configure: (config: typeof PoolConfig.Encoded) => void
  readonly close: (timeoutMillis?: number) => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/** Throws a `WeirError` with code `WEIR_CONFIG` if the options cannot be used. */
export const createPool = <T>(options: PoolFactory<T> & typeof PoolConfig.Encoded): Pool<T> => {
  const { close, connect, isAlive, validate, ...config } = options
  const route = Route.of("pool", config.name ?? "pool", 0)
  const scope = Scope.makeUnsafe()
  const pool = runOrThrow(
    ConnectionPool.make<T>(
      {
        connect: () =>
          Effect.acquireRelease(
            Effect.tryPromise({ try: connect, catch: (cause) => cause }),
            (resource) => Effect.promise(async () => await close(resource)),
            { interruptible: true }
          ),
        isAlive,
        probe:
          validate === undefined
            ? undefined
            : (resource) =>
                Effect.flatMap(
                  Effect.tryPromise({ try: async () => await validate(resource), catch: (cause) => cause }),
                  (isGood) => (isGood ? Effect.void : Effect.fail("validate has said no"))
                )
      },
      config
    ).pipe(Scope.provide(scope))
  )
  const acquire = (acquireOptions: AcquireOptions = {}): Promise<Loan<T>> =>
    new Promise((resolve, reject) => {
      const { holder, priority, signal, timeoutMillis } = acquireOptions
      if (signal?.aborted === true) {
        reject(signal.reason)
        return
      }
      const idle = pool.leaseIdleUnsafe(route, holder)
      if (idle !== undefined) {
        resolve(loanOf(idle))
        return
      }
      const waiting = {
        ...(timeoutMillis === undefined ? {} : { timeout: timeoutMillis }),
        ...(priority === undefined ? {} : { priority }),
        ...(holder === undefined ? {} : { holder })
      }
      const onAbort = (): void => {
        withdraw()
        reject(signal?.reason)
      }
      const withdraw = pool.leaseUnsafe(route, waiting, (result) => {
        signal?.removeEventListener("abort", onAbort)
        if (result instanceof Error) reject(toWeirError(result))
        else resolve(loanOf(result))
      })
      signal?.addEventListener("abort", onAbort, { once: true })
    })
  const shutdown = async (timeoutMillis?: number): Promise<void> => {
    await Effect.runPromise(
      Effect.andThen(
        pool.shutdown(timeoutMillis === undefined ? undefined : Duration.millis(timeoutMillis)),
        Scope.close(scope, Exit.void)
      )
    )
  }
  return {
    acquire,
    use: async (body, acquireOptions) => {
      const loan = await acquire(acquireOptions)
      let isDone = false
      try {
        const result = await body(loan.resource)
        isDone = true
        return result
      } finally {
        if (isDone) loan.release()
        else loan.destroy()
      }
    },
    stats: () => Effect.runSync(pool.stats),
    explain: () => Effect.runSync(pool.explain(route)),
    events: () => Stream.toAsyncIterable(pool.events),
    configure: (changed) => runOrThrow(pool.configure(changed)),
    close: shutdown,
    [Symbol.asyncDispose]: shutdown
  }
}

const loanOf = <T>(lease: {
  readonly connection: T
  readonly release: () => void
  readonly discard: () => void
}): Loan<T> => ({
  resource: lease.connection,
  release: () => lease.release(),
  destroy: () => lease.discard(),
  [Symbol.dispose]: () => lease.release()
})

const runOrThrow = <A>(effect: Effect.Effect<A, unknown>): A => {
  const exit = Effect.runSyncExit(effect)
  if (Exit.isSuccess(exit)) return exit.value
  throw toWeirError(Cause.squash(exit.cause))
}
