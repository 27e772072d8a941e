/**
 * The suite's handle on the saboteur's process.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"
import { nodeProgram } from "../conformance/programs.ts"
import type { Answers, Command } from "./Protocol.ts"

export interface SaboteurServer {
  readonly port: number
  /** Carries a command out; it is in force when this has ended. */
  readonly ask: <O extends Command["op"]>(command: Extract<Command, { readonly op: O }>) => Effect.Effect<Answers[O]>
}

/** Runs until the scope closes. */
export const makeSaboteurServer: Effect.Effect<SaboteurServer, never, Scope.Scope> = Effect.gen(function* () {
  const program = fileURLToPath(new URL("SaboteurProcess.ts", import.meta.url))
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(nodeProgram, [program], { stdio: ["pipe", "pipe", "inherit"] })),
    stop
  )
  const waiting: Array<(line: string) => void> = []
  createInterface({ input: child.stdout }).on("line", (line) => waiting.shift()?.(line))
  const nextLine = Effect.callback<string>((resume) => {
    waiting.push((line) => resume(Effect.succeed(line)))
  })
  const port: number = JSON.parse(yield* nextLine)
  return {
    port,
    ask: <O extends Command["op"]>(command: Extract<Command, { readonly op: O }>) =>
      Effect.suspend(() => {
        child.stdin.write(`${JSON.stringify(command)}\n`)
        return Effect.map(nextLine, (line): Answers[O] => JSON.parse(line))
      })
  }
})

const stop = (child: ChildProcess): Effect.Effect<void> =>
  Effect.promise(async () => {
    const isOver = child.exitCode !== null || child.signalCode !== null
    child.stdin?.end()
    if (!isOver) await once(child, "exit")
  })
