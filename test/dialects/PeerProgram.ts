/**
 * A program that makes calls through another system's client, which it sets up by its arguments.
 *
 * For each line `URL COUNT` on stdin it makes so many calls at once and, when all have ended, prints a line `URL REFUSED
 * TIMED_OUT`: how many its pool refused at once, and how many had waited too long for a connection. Lines are carried out
 * beside each other. It keeps its connections until stdin ends, and leaves with an error if a call ends in any other way.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import type { CallMany, Refusals } from "./Burst.ts"

export const runProgram = (
  program: string,
  args: ReadonlyArray<string>
): AsyncDisposable & { readonly callMany: CallMany } => {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, NO_PROXY: "*" } })
  const waiting = new Map<string, PromiseWithResolvers<Refusals>>()
  const lines = createInterface({ input: child.stdout })
  lines.on("line", (line) => {
    const [url = "", ...counts] = line.split(" ")
    const [refusedCount = Number.NaN, timedOutCount = Number.NaN] = counts.map(Number)
    waiting.get(url)?.resolve({ refusedCount, timedOutCount })
    waiting.delete(url)
  })
  lines.once("close", () => {
    for (const [url, { reject }] of waiting)
      reject(new Error(`${program} has ended while calling ${url}; stderr says why`))
  })
  return {
    callMany: (url, count) => {
      const answer = Promise.withResolvers<Refusals>()
      waiting.set(url, answer)
      child.stdin.write(`${url} ${count}\n`)
      return answer.promise
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, "exit")
      child.stdin.end()
      await ended
    }
  }
}
