/**
 * The pool alone, over sockets of `node:net`, with a real Redis: `examples/redis-pool.ts`, also while the server dies
 * and comes back.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { ConnectionPool, type PoolConfig, PoolError, Route } from "@weir/core"
import { Effect, Exit, Fiber, Schedule, type Scope } from "effect"
import { type RedisError, redisFactory } from "../../examples/redis-pool.ts"
import { findFreePort } from "../support/Listening.ts"
import { countSocketsTo, expectNoSocketsTo } from "../support/openSockets.ts"

const program = "redis-server"
const isInstalled = spawnSync(program, ["--version"]).status === 0

/** A Redis that can be killed and started again on its port. */
class RedisServer {
  readonly port: number
  private readonly directory = mkdtempSync(join(tmpdir(), "weir-redis-"))
  private child: ChildProcess | undefined

  constructor(port: number) {
    this.port = port
  }

  async start(): Promise<void> {
    const { directory, port } = this
    const options = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory]
    const child = spawn(program, options.map(String), { stdio: ["ignore", "pipe", "inherit"] })
    this.child = child
    let said = ""
    for await (const chunk of child.stdout) {
      said += String(chunk)
      if (said.includes("Ready to accept connections")) break
    }
    assert.include(said, "Ready to accept connections", `${program} did not start`)
    child.stdout.resume()
  }

  async kill(): Promise<void> {
    const { child } = this
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill("SIGKILL")
    await once(child, "exit")
  }

  async dispose(): Promise<void> {
    await this.kill()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

type RedisPool = Effect.Success<ReturnType<typeof makePool>>
const makePool = (config: PoolConfig) => ConnectionPool.make(redisFactory, config)

interface World {
  readonly pool: RedisPool
  readonly server: RedisServer
  readonly command: (...words: ReadonlyArray<string>) => Effect.Effect<string | null, RedisError | PoolError>
}

/** A server and a pool, and the proof that nothing of either is left. */
const withRedis = (config: PoolConfig, body: (world: World) => Effect.Effect<void, unknown, Scope.Scope>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const server = yield* Effect.acquireRelease(
        Effect.promise(async () => {
          const server = new RedisServer(await findFreePort())
          await server.start()
          return server
        }),
        (server) => Effect.promise(() => server.dispose())
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          const pool = yield* makePool(config)
          const route = Route.of("redis", "127.0.0.1", server.port)
          yield* body({
            pool,
            server,
            command: (...words) => pool.use(route, ({ send }) => send(...words))
          })
          const stats = yield* pool.stats
          assert.strictEqual(stats.active.used, 0)
          assert.strictEqual(stats.pending.used, 0)
          assert.isAtMost(countSocketsTo(server.port), stats.connections.used)
        })
      )
      yield* expectNoSocketsTo(server.port)
    })
  )

beforeAll(() => {
  if (isInstalled) return
  const message = `${program} is not installed: node scripts/servers.ts ${program}`
  if (process.env["CI"] === "true") throw new Error(message)
  console.error(`SKIPPED, nothing was shown about Redis: ${message}`)
})

describe.runIf(isInstalled || process.env["CI"] === "true")("a pool of Redis connections", () => {
  it.live("answers PING, SET and GET on one connection after the other", () =>
    withRedis({}, ({ command, pool }) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* command("PING"), "PONG")
        assert.strictEqual(yield* command("SET", "weir", "a wall\r\nacross a river, über 1 m"), "OK")
        assert.strictEqual(yield* command("GET", "weir"), "a wall\r\nacross a river, über 1 m")
        assert.isNull(yield* command("GET", "nothing"))
        assert.strictEqual((yield* pool.stats).createdCount, 1)
      })
    )
  )

  it.live("closes the connection of a command that failed, and goes on with another", () =>
    withRedis({}, ({ command, pool }) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(command("NOSUCH"))
        assert.include(error.message, "unknown command")
        assert.strictEqual(yield* command("PING"), "PONG")
        assert.strictEqual((yield* pool.stats).closedByReason["use-failed"], 1)
      })
    )
  )

  it.live("carries a big value, and many callers over few connections, in order", () =>
    withRedis({ connectionsPerRouteMax: 4, pendingPerRouteMax: "unlimited" }, ({ command, pool }) =>
      Effect.gen(function* () {
        const big = "weir".repeat(500_000)
        yield* command("SET", "big", big)
        assert.strictEqual(yield* command("GET", "big"), big)
        yield* Effect.forEach(Array.from({ length: 500 }), () => command("INCR", "count"), { concurrency: "unbounded" })
        assert.strictEqual(yield* command("GET", "count"), "500")
        assert.isAtMost((yield* pool.stats).createdCount, 4)
      })
    )
  )

  it.live("never reuses a connection whose caller was interrupted before the answer came", () =>
    withRedis({}, ({ command, pool }) =>
      Effect.gen(function* () {
        for (let round = 0; round < 20; round++) {
          const fiber = yield* Effect.forkChild(command("GET", `key ${round}`), { startImmediately: true })
          if (round % 2 === 0) yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
          assert.strictEqual(yield* command("ECHO", `round ${round}`), `round ${round}`)
        }
        assert.isAbove((yield* pool.stats).closedByReason["use-interrupted"] ?? 0, 0)
      })
    )
  )

  it.live("finds out by itself that the server has closed idle connections", () =>
    withRedis({}, ({ command, pool, server }) =>
      Effect.gen(function* () {
        yield* command("PING")
        yield* Effect.promise(() => server.kill())
        yield* Effect.repeat(pool.stats, { until: (stats) => stats.connections.used === 0 })
        assert.strictEqual((yield* pool.stats).closedByReason["peer-closed"], 1)
        yield* Effect.promise(() => server.start())
        assert.strictEqual(yield* command("PING"), "PONG")
      })
    )
  )

  it.live("loses at most the commands in flight when the server is killed and started again", () =>
    withRedis({ connectionsPerRouteMax: 8, pendingPerRouteMax: "unlimited" }, ({ command, pool, server }) =>
      Effect.gen(function* () {
        let isOver = false
        // Nothing was sent where the pool fails, and its error says so: such a call is simply made again.
        const isSafeAgain = (error: unknown) => error instanceof PoolError && error.retry === "always"
        const call = command("INCR", "count").pipe(Effect.retry({ while: isSafeAgain, schedule: Schedule.spaced(5) }))
        const callers = yield* Effect.forEach(Array.from({ length: 32 }), () =>
          Effect.forkChild(
            Effect.gen(function* () {
              const errors: Array<unknown> = []
              let answeredCount = 0
              while (!isOver) {
                const exit = yield* Effect.exit(call)
                if (Exit.isSuccess(exit)) answeredCount++
                else errors.push(exit.cause)
              }
              return { errors, answeredCount }
            })
          )
        )
        const answeredSince = (count: number) =>
          Effect.repeat(pool.stats, { until: (stats) => stats.leasedCount > count + 500 })
        yield* answeredSince(0)
        yield* Effect.promise(() => server.kill())
        yield* Effect.promise(() => server.start())
        yield* answeredSince((yield* pool.stats).leasedCount)
        isOver = true
        const results = yield* Fiber.joinAll(callers)
        const errors = results.flatMap((result) => result.errors)
        assert.isAtMost(errors.length, 8, "errors of more than the commands in flight")
        assert.isTrue(results.every((result) => result.answeredCount > 0))
        assert.isAtMost((yield* pool.stats).connections.used, 8)
      })
    )
  )
})
