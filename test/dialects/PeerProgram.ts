/**
 * A program that makes calls through another system's client, which it sets up by its arguments.
 *
 * For each line `URL COUNT` on stdin it makes so many calls at once and, when all have ended, prints a line `REFUSED
 * TIMED_OUT`: how many its pool refused at once, and how many had waited too long for a connection. It keeps its
 * connections until stdin ends, and leaves with an error if a call ends in any other way.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import type { CallMany } from "./Burst.ts"

export const runProgram = (
  program: string,
  args: ReadonlyArray<string>
): AsyncDisposable & { readonly callMany: CallMany } => {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, NO_PROXY: "*" } })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    callMany: async (url, count) => {
      child.stdin.write(`${url} ${count}\n`)
      const { done, value } = await lines.next()
      if (done === true) throw new Error(`${program} has ended during ${count} calls; stderr says why`)
      const [refusedCount = Number.NaN, timedOutCount = Number.NaN] = value.split(" ").map(Number)
      return { refusedCount, timedOutCount }
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, "exit")
      child.stdin.end()
      await ended
    }
  }
}
