import { PassThrough } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeProgressBar } from "../src/ProgressBar.ts"

/** Everything written to a stream that says it is a terminal, or says it is none. */
const recorded = (isTTY: boolean) => {
  const stream = Object.assign(new PassThrough(), { isTTY })
  let text = ""
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk
  })
  const read = Effect.promise(
    () =>
      new Promise<string>((resolve) => {
        stream.on("end", () => resolve(text)).end()
      })
  )
  return { stream, read }
}

const escapeCharacter = "\u001b"

describe("ProgressBar", () => {
  it.effect("counts calls on a terminal, keeps the lines written meanwhile, and clears itself at the end", () =>
    Effect.gen(function* () {
      const { read, stream } = recorded(true)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const bar = yield* makeProgressBar(stream, 40, 5_000)
          bar.update({ finishedCount: 10, elapsedMillis: 100 })
          bar.writeLine("W something")
          bar.update({ finishedCount: 40, elapsedMillis: 200 })
        })
      )
      const text = yield* read
      assert.include(text, "0/40 calls")
      assert.include(text, "10/40 calls")
      // The line stands where the bar was cleared, and the bar begins anew below it.
      assert.include(text, `${escapeCharacter}[2KW something\n${escapeCharacter}7`)
      assert.isTrue(text.endsWith(`${escapeCharacter}[2K`))
    })
  )

  it.effect("counts seconds where no number of calls is given", () =>
    Effect.gen(function* () {
      const { read, stream } = recorded(true)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const bar = yield* makeProgressBar(stream, undefined, 5_000)
          bar.update({ finishedCount: 10, elapsedMillis: 3_900 })
          bar.writeLine("redraw")
        })
      )
      assert.include(yield* read, "3 of 5 s")
    })
  )

  it.effect("writes lines only where the stream is no terminal or the run has no end", () =>
    Effect.gen(function* () {
      for (const [isTTY, durationMillis] of [
        [false, 5_000],
        [true, Number.POSITIVE_INFINITY]
      ] as const) {
        const { read, stream } = recorded(isTTY)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const bar = yield* makeProgressBar(stream, undefined, durationMillis)
            bar.update({ finishedCount: 10, elapsedMillis: 100 })
            bar.writeLine("W something")
          })
        )
        assert.strictEqual(yield* read, "W something\n")
      }
    })
  )
})
