/**
 * What the servers of the specs answer, and how a spec sees what became of it.
 */
import { setTimeout } from "node:timers/promises"
import { bodyOf, type Handler } from "../../../../test/support/withServer.ts"

/** Answers with what it got: method, URL, a header and the body. */
export const echo: Handler = async (request, response) => {
  response.end(`${request.method} ${request.url} ${request.headers["x-a"] ?? "-"} ${await bodyOf(request)}`)
}

/** The error that a promise rejects with. */
export const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => {
      throw new Error("it did not reject")
    },
    (error: unknown) => error
  )

/** What a count has come to when it has stood still for a while: everything on the way is full. */
export const untilStalled = async (count: () => number): Promise<number> => {
  let before = count()
  for (let stillCount = 0; stillCount < 10; ) {
    await setTimeout(10)
    const now = count()
    stillCount = now === before && now > 0 ? stillCount + 1 : 0
    before = now
  }
  return before
}

/** Answers with 64 MB, as fast as they are taken, and counts them. */
export const flood = (): { readonly handler: Handler; readonly sentByteCount: () => number } => {
  let sentByteCount = 0
  const handler: Handler = (_, response) => {
    const piece = Buffer.alloc(256 * 1024, 97)
    const next = (): void => {
      for (;;) {
        if (sentByteCount === 64 * 1024 * 1024) return void response.end()
        sentByteCount += piece.length
        if (!response.write(piece)) return void response.once("drain", next)
      }
    }
    next()
  }
  return { handler, sentByteCount: () => sentByteCount }
}
