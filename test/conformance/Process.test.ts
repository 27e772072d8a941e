/**
 * What keeps a process alive and what does not, seen on real processes.
 */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makePeer, usePeers } from "./peer/Peer.ts"
import { runtimeCommand } from "./programs.ts"

const [command, ...commandArguments] = runtimeCommand
const program = fileURLToPath(new URL("LonelyProcess.ts", import.meta.url))

/** Runs `LonelyProcess.ts`; `output` is all it has printed when it has ended. */
const run = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(command, [...commandArguments, program, ...args], { stdio: ["ignore", "pipe", "inherit"] })
      ),
      (process) => Effect.sync(() => process.kill("SIGKILL"))
    )
    let printed = ""
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString()
    })
    const output = new Promise<string>((resolve) => child.once("close", () => resolve(printed)))
    return { output: Effect.promise(() => output) }
  })

usePeers()

describe("a process with nothing else to do", () => {
  it.live("ends although an unreferenced connection is open", () =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const { output } = yield* run("unref", String(peer.port))
      assert.strictEqual(yield* (yield* peer.accept).nextText, "idle")
      assert.strictEqual(yield* output, "nothing left to do\n")
    })
  )

  it.live.each(["ref", "unref-ref"])("lives as long as a referenced connection is open (%s)", (mode) =>
    Effect.gen(function* () {
      const peer = yield* makePeer()
      const { output } = yield* run(mode, String(peer.port))
      const accepted = yield* peer.accept
      assert.strictEqual(yield* accepted.nextText, "idle")
      yield* accepted.end()
      assert.strictEqual(yield* output, "closed\nnothing left to do\n")
    })
  )

  it.live("ends although something sleeps by the background clock", () =>
    Effect.gen(function* () {
      const { output } = yield* run("sleep")
      assert.strictEqual(yield* output, "nothing left to do\n")
    })
  )
})
