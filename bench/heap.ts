/**
 * How many bytes of the heap a thing takes, on each runtime: what is in use after a full collection, before and after
 * many of it were made.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { runtime } from "./harness.ts"

/** Node and Deno show the collector only when asked, and then to new contexts only. */
const collectV8 = (): (() => void) => {
  setFlagsFromString("--expose-gc")
  return runInNewContext("gc")
}

const collectBun = (): (() => void) => {
  const bun: { gc(isSynchronous: boolean): void } = Reflect.get(globalThis, "Bun")
  return () => bun.gc(true)
}

const collect = runtime === "bun" ? collectBun() : collectV8()

const bytesInUse = async (): Promise<number> => {
  // Twice, with a turn of the event loop between: finalizers and weak references let go of more.
  collect()
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  return process.memoryUsage().heapUsed
}

/** Bytes that each of `count` things holds on to. `make` makes them all and returns what keeps them alive. */
export const bytesEach = async (count: number, make: () => unknown): Promise<number> => {
  const before = await bytesInUse()
  const kept = await make()
  const bytes = ((await bytesInUse()) - before) / count
  if (kept === undefined) throw new Error("nothing was kept alive, so nothing was measured")
  return bytes
}
