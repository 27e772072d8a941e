/**
 * The programs that suites start: Node in the version that this repository pins, and the runtime under test.
 */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"
import { runtime } from "./runtime.ts"

export const nodeProgram = fileURLToPath(new URL("../../node_modules/.bin/node", import.meta.url))

/** How the runtime under test runs a TypeScript file. */
export const runtimeCommand: readonly [program: string, ...programArguments: ReadonlyArray<string>] =
  runtime === "deno" ? [process.execPath, "run", "--allow-all"] : [process.execPath]

/** The first line a program prints. It runs until the scope closes. */
export const firstLineOf = (
  program: string,
  programArguments: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(program, programArguments, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] })
      ),
      (running) =>
        Effect.callback<void>((resume) => {
          running.once("close", () => resume(Effect.void))
          running.kill("SIGKILL")
        })
    )
    return yield* Effect.callback<string>((resume) => {
      createInterface({ input: child.stdout }).once("line", (line) => resume(Effect.succeed(line)))
    })
  })
