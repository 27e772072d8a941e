/**
 * Programs in processes of their own: the gateway's command line, and curl.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"

export interface Running {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  /** Done when the text is on standard output or standard error, `count` times. */
  readonly until: (text: string | RegExp, count?: number) => Effect.Effect<void>
  readonly ended: Effect.Effect<Ended>
}

export interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Starts a program, which is killed with the scope if it runs until then. A program that is not there is a defect. */
export const start = (program: string, args: ReadonlyArray<string>): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => run(program, args)),
      ({ child, ended }) =>
        Effect.suspend(() => {
          child.kill("SIGKILL")
          return ended
        })
    ),
    (running) => running
  )

const run = (program: string, args: ReadonlyArray<string>): Running => {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] })
  const watchers = new Set<() => void>()
  let stdout = ""
  let stderr = ""
  let end: Effect.Effect<Ended> | undefined
  const tell = () => {
    for (const watcher of [...watchers]) watcher()
  }
  const settle = (result: Effect.Effect<Ended>) => {
    end ??= result
    tell()
  }
  child.stdout.setEncoding("latin1").on("data", (text: string) => {
    stdout += text
    tell()
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text
    tell()
  })
  child.on("error", (error) => settle(Effect.die(new Error(`${program} could not be started: ${error.message}`))))
  child.on("close", (status, signal) => settle(Effect.succeed({ status, signal, stdout, stderr })))
  const wait = <A>(look: () => Effect.Effect<A> | undefined): Effect.Effect<A> =>
    Effect.callback<A>((resume) => {
      const watcher = () => {
        const found = look()
        if (found === undefined) return
        watchers.delete(watcher)
        resume(found)
      }
      watchers.add(watcher)
      watcher()
      return Effect.sync(() => {
        watchers.delete(watcher)
      })
    })
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    until: (text, count = 1) =>
      wait(() => {
        const said = stdout + stderr
        if (said.split(text).length > count) return Effect.void
        return end === undefined ? undefined : Effect.die(new Error(`${program} ended without saying ${text}: ${said}`))
      }),
    ended: wait(() => end)
  }
}

const pathOf = (below: string): string => fileURLToPath(new URL(below, import.meta.url))

const runtimes = {
  node: [process.execPath, pathOf("../../src/main.ts")],
  bun: [pathOf("../../../../node_modules/.bin/bun"), pathOf("../../src/main.bun.ts")],
  deno: [pathOf("../../../../node_modules/.bin/deno"), "run", "--allow-all", pathOf("../../src/main.deno.ts")]
} as const

/** Starts the gateway's command line on a runtime. */
export const startGatewayOn = (
  runtime: keyof typeof runtimes,
  ...args: ReadonlyArray<string>
): Effect.Effect<Running, never, Scope.Scope> => {
  const [program, ...words] = runtimes[runtime]
  return start(program, [...words, ...args])
}

/** Starts the gateway's command line. */
export const startGateway = (...args: ReadonlyArray<string>): Effect.Effect<Running, never, Scope.Scope> =>
  startGatewayOn("node", ...args)

/** Runs the gateway's command line to its end. */
export const runGateway = (...args: ReadonlyArray<string>): Effect.Effect<Ended> =>
  Effect.scoped(Effect.flatMap(startGateway(...args), ({ ended }) => ended))

/** Runs curl to its end; it is part of Debian and of the machines that CI has, and its absence is a failure. */
export const curl = (...args: ReadonlyArray<string>): Effect.Effect<Ended> =>
  Effect.scoped(
    Effect.flatMap(start("curl", ["--silent", "--show-error", "--max-time", "15", ...args]), ({ ended }) => ended)
  )
