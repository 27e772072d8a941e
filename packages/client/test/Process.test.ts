import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { makeHttpServer } from "./support/HttpServer.ts"

expectNothingLeft()

describe("a process whose calls have ended", () => {
  // A name whose connections are open is looked up again and again.
  it.live.each(["127.0.0.1", "localhost"])(
    "ends, though its client is open, its connections to %s are idle and its time limits are an hour away",
    (host) =>
      Effect.scoped(
        Effect.gen(function* () {
          const { port } = yield* makeHttpServer((_request, response) => response.end("answer"))
          const script = fileURLToPath(new URL("support/LonelyProcess.ts", import.meta.url))
          const [code, output] = yield* Effect.callback<readonly [code: number | null, output: string]>((resume) => {
            const child = spawn(process.execPath, [script, `http://${host}:${port}`], {
              stdio: ["ignore", "pipe", "inherit"]
            })
            let output = ""
            child.stdout.on("data", (chunk: Buffer) => {
              output += chunk.toString()
            })
            child.on("close", (code) => resume(Effect.succeed([code, output])))
            return Effect.sync(() => child.kill("SIGKILL"))
          })
          assert.deepStrictEqual([code, output.split("\n")[0]], [0, "answer"])
        })
      )
  )
})
