/**
 * The program that Endurance.test.ts runs, and `npm run connects` at greater length: `Endurance.ts PLAIN_PORT TLS_PORT CYCLES`, with
 * the CA of the TLS server in the environment (`CA`).
 *
 * A cycle connects and gives up, at some moment, or speaks and closes or resets. It prints in one line of JSON how many
 * descriptors more than at the beginning are open at the end, and how much memory was in use after each tenth.
 */
import { readdirSync } from "node:fs"
import { setImmediate } from "node:timers/promises"
import { Target } from "@weir/transport"
import { Effect, Fiber, Random } from "effect"
import type { EnduranceReport } from "./EnduranceReport.ts"
import { makeConnector } from "./runtime.ts"

const descriptorCount = (): number => readdirSync("/proc/self/fd").length

const turns = (count: number) =>
  Effect.promise(async () => {
    for (let turn = 0; turn < count; turn++) await setImmediate()
  })

const collectGarbage: unknown =
  "Bun" in globalThis ? Reflect.get(Reflect.get(globalThis, "Bun"), "gc") : Reflect.get(globalThis, "gc")

const megabytesOf = (byteCount: number): number => Math.round((byteCount / 1e6) * 10) / 10

const measure = async (): Promise<NodeJS.MemoryUsage> => {
  await new Promise((resolve) => setTimeout(resolve, 20))
  // What tells Bun to do it at once, tells V8 to do it by half.
  if (typeof collectGarbage === "function") Reflect.apply(collectGarbage, undefined, "Bun" in globalThis ? [true] : [])
  return process.memoryUsage()
}

/**
 * A fiber for each cycle: on Deno 2.9.6 a fiber that is resumed by promises again and again grows by half a kilobyte each
 * time, whatever it does.
 */
const endure = async (plainPort: number, tlsPort: number, ca: string, cycleCount: number): Promise<EnduranceReport> => {
  const plain: Target.Target = { address: Target.tcp("127.0.0.1", plainPort) }
  const targets: ReadonlyArray<Target.Target> = [
    plain,
    plain,
    { address: Target.tcp("localhost", plainPort) },
    { address: Target.tcp("localhost", tlsPort), tls: { ca: [ca] } }
  ]
  const connector = await Effect.runPromise(makeConnector())
  const outcomeCounts = { opened: 0, interrupted: 0, failed: 0 }
  const cycle = (index: number) =>
    Effect.gen(function* () {
      const target = targets[Math.floor(index / 2) % targets.length] ?? plain
      const fiber = yield* Effect.forkChild(connector.connect(target), { startImmediately: true })
      // On loopback a connect is over after a turn or two, a handshake after a dozen.
      if (index % 2 === 0) yield* turns(yield* Random.nextIntBetween(0, target.tls === undefined ? 2 : 12))
      else yield* Fiber.await(fiber)
      yield* Fiber.interrupt(fiber)
      const exit = yield* Fiber.await(fiber)
      if (exit._tag === "Success") {
        outcomeCounts.opened++
        const connection = exit.value
        yield* Effect.callback<void>((resume) => {
          connection.attach({
            onData: () => {},
            onEnd: () => {},
            onDrain: () => {},
            onClose: () => resume(Effect.void)
          })
          connection.write("a word")
          if (index % 3 === 0) connection.reset()
          else connection.close()
        })
      } else outcomeCounts[exit.cause.reasons.some(({ _tag }) => _tag === "Interrupt") ? "interrupted" : "failed"]++
    }).pipe(Random.withSeed(`endurance ${index}`))
  // What is loaded at first use, such as the resolver's threads, is no leak.
  for (let index = 0; index < 20; index++) await Effect.runPromise(cycle(index))
  await Effect.runPromise(turns(20))
  const before = descriptorCount()
  const megabytes: Array<number> = []
  const heapMegabytes: Array<number> = []
  for (let tenth = 0; tenth < 10; tenth++) {
    const end = ((tenth + 1) * cycleCount) / 10
    for (let index = (tenth * cycleCount) / 10; index < end; index++) await Effect.runPromise(cycle(index))
    const { heapUsed, rss } = await measure()
    megabytes.push(megabytesOf(rss))
    heapMegabytes.push(megabytesOf(heapUsed))
  }
  return {
    leftCount: descriptorCount() - before,
    megabytes,
    ...(typeof collectGarbage === "function" ? { heapMegabytes } : {}),
    outcomeCounts
  }
}

const [plainPort, tlsPort, cycleCount] = process.argv.slice(2).map(Number)
const { CA = "" } = process.env
console.log(JSON.stringify(await endure(plainPort ?? 0, tlsPort ?? 0, CA, cycleCount ?? 0)))
process.exit()
