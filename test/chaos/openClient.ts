/**
 * What the processes under test are made of: a client over the sockets of their runtime, and what they hold, counted.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { setImmediate } from "node:timers/promises"
import { type ClientConfig, WeirClient, type WeirClientService } from "@weir/client"
import { Connector } from "@weir/transport"
import { Context, Effect, Layer, Metric, References, type Scope } from "effect"
import { type ConnectorOptions, makeConnector, runtime } from "../conformance/runtime.ts"
import type { Held, HeldCounts } from "./Protocol.ts"

export const openClient = (
  config: ClientConfig,
  options: ConnectorOptions = {}
): Effect.Effect<WeirClientService, never, Scope.Scope> =>
  Effect.gen(function* () {
    const connector = Layer.effect(Connector, makeConnector(options))
    const layer = Layer.provide(WeirClient.layer(config), connector)
    const context = yield* Layer.buildWithScope(layer, yield* Effect.scope)
    return Context.get(context, WeirClient)
  }).pipe(Effect.orDie)

let fiberCount = 0

/**
 * Runs the program of a process under test: counts its fibers, and keeps warnings, which a storm is full of, out of what
 * it prints.
 */
export const runTried = (program: Effect.Effect<void>): Promise<void> =>
  Effect.runPromise(
    program.pipe(
      Effect.provideService(References.MinimumLogLevel, "Error"),
      Effect.provideService(Metric.FiberRuntimeMetrics, {
        recordFiberStart: () => {
          fiberCount++
        },
        recordFiberEnd: () => {
          fiberCount--
        }
      })
    )
  )

const collectGarbage = (): void => {
  const gc: unknown = Reflect.get(globalThis, "gc")
  if (typeof gc === "function") gc()
  const bun: unknown = Reflect.get(globalThis, "Bun")
  if (bun !== null && typeof bun === "object" && "gc" in bun && typeof bun.gc === "function") bun.gc(true)
}

const linkOf = (descriptor: string): string => {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    // The one by which the directory was read.
    return ""
  }
}

/** Pairs of Unix sockets are the runtime's own: Deno opens one sooner or later, and keeps it. The pool opens none here. */
const countDescriptors = (): number => {
  const lines = readFileSync("/proc/self/net/unix", "utf8").trim().split("\n")
  const pairs = new Set(lines.map((line) => `socket:[${line.split(/\s+/)[6]}]`))
  return readdirSync("/proc/self/fd").filter((descriptor) => !pairs.has(linkOf(descriptor))).length
}

/** What this process holds, counted in a turn of its own: a timer is there as long as what it calls runs. */
export const countHeld: Effect.Effect<HeldCounts> = Effect.promise(async () => {
  await setImmediate()
  return {
    descriptorCount: countDescriptors(),
    fiberCount,
    // Bun's list is always empty.
    ...(runtime === "bun"
      ? {}
      : { timerCount: process.getActiveResourcesInfo().filter((name) => name === "Timeout").length })
  }
})

/** The same and its memory, after its collector has run. */
export const held: Effect.Effect<Held> = Effect.map(countHeld, (counts) => {
  collectGarbage()
  const { heapUsed, rss } = process.memoryUsage()
  return { ...counts, heapBytes: heapUsed, residentBytes: rss }
})

/** A call's or a lease's failure in the words of its reasons. */
export const nameOf = (error: unknown): string => {
  if (error === null || typeof error !== "object" || !("reason" in error)) return String(error)
  const { reason } = error
  if (reason === null || typeof reason !== "object" || !("_tag" in reason)) return String(reason)
  if ("error" in reason) return `${reason._tag} ${nameOf(reason.error)}`
  return "phase" in reason && reason._tag === "CallTimeout" ? `${reason._tag} ${reason.phase}` : `${reason._tag}`
}
