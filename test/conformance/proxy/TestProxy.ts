/**
 * A proxy for a suite: an honest one, in a process of its own.
 */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Target } from "@weir/transport"
import { Effect, Queue, type Scope } from "effect"
import { expectNoSocketsTo } from "../../support/openSockets.ts"
import { nodeProgram } from "../programs.ts"
import type { Asked, ProxyOptions } from "./Protocol.ts"

export interface TestProxy {
  readonly address: Target.TcpAddress
  /** What the next client asked for. */
  readonly asked: Effect.Effect<Asked>
}

const program = fileURLToPath(new URL("ProxyProcess.ts", import.meta.url))

/** Runs until the scope closes; by then the suite has to have closed each connection to it. */
export const makeProxy = (options: ProxyOptions): Effect.Effect<TestProxy, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(nodeProgram, [program, JSON.stringify(options)], { stdio: ["pipe", "pipe", "inherit"] })),
      (running) =>
        Effect.callback<void>((resume) => {
          if (running.exitCode !== null)
            return resume(Effect.die(new Error("the proxy process has ended before its time")))
          running.once("close", () => resume(Effect.void))
          running.stdin.end()
        })
    )
    const lines = yield* Queue.unbounded<string>()
    createInterface({ input: child.stdout }).on("line", (line) => Queue.offerUnsafe(lines, line))
    const port = Number(yield* Queue.take(lines))
    yield* Effect.addFinalizer(() => expectNoSocketsTo(port))
    return {
      // TLS is checked against a name.
      address: Target.tcp(options.tls === undefined ? "127.0.0.1" : "localhost", port),
      asked: Effect.map(Queue.take(lines), (line): Asked => JSON.parse(line))
    }
  })
