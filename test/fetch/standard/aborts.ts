/**
 * Abort, at every stage of a call.
 */
import assert from "node:assert/strict"
import { failureOf, nextId, type Spec } from "../Spec.ts"

const section = "5.6 Fetch method"

export const abortSpecs: ReadonlyArray<Spec> = [
  {
    section,
    says: "rejects at once with an AbortError where the signal is aborted already",
    check: async ({ at, fetch }) => {
      const error = await failureOf(fetch(at("/echo"), { signal: AbortSignal.abort() }))
      assert.ok(error instanceof DOMException && error.name === "AbortError")
    }
  },
  {
    section,
    says: "rejects with the very reason that the signal was given",
    check: async ({ at, fetch }) => {
      const reason = { mine: true }
      assert.equal(await failureOf(fetch(at("/echo"), { signal: AbortSignal.abort(reason) })), reason)
    }
  },
  {
    section,
    says: "rejects while it waits for an answer, and closes the connection",
    check: async ({ at, fetch }) => {
      const [controller, reason, id] = [new AbortController(), new Error("mine"), nextId()]
      const call = failureOf(
        fetch(at("/endless", { id }), { signal: controller.signal }).then((answer) => answer.text())
      )
      // The server knows of the request by now, or it soon will: it tells when that one has ended.
      await fetch(at("/echo")).then((answer) => answer.text())
      controller.abort(reason)
      assert.equal(await call, reason)
      assert.equal(await (await fetch(at("/closed", { id }))).text(), "closed")
    }
  },
  {
    section,
    says: "rejects the reading of a body under way",
    check: async ({ at, fetch }) => {
      const [controller, reason] = [new AbortController(), new Error("mine")]
      const answer = await fetch(at("/endless", { id: nextId() }), { signal: controller.signal })
      const reading = failureOf(answer.text())
      controller.abort(reason)
      assert.equal(await reading, reason)
    }
  },
  {
    section,
    says: "errors a body that nobody has begun to read, and closes its connection",
    check: async ({ at, fetch }) => {
      const [controller, reason, id] = [new AbortController(), new Error("mine"), nextId()]
      const answer = await fetch(at("/endless", { id }), { signal: controller.signal })
      controller.abort(reason)
      assert.equal(await (await fetch(at("/closed", { id }))).text(), "closed")
      assert.equal(await failureOf(answer.text()), reason)
    }
  },
  {
    section,
    says: "errors the stream of a reader that waits",
    check: async ({ at, fetch }) => {
      const [controller, reason] = [new AbortController(), new Error("mine")]
      const answer = await fetch(at("/endless", { id: nextId() }), { signal: controller.signal })
      const reader = answer.body?.getReader()
      await reader?.read()
      const reading = failureOf(reader?.read() ?? Promise.resolve())
      controller.abort(reason)
      assert.equal(await reading, reason)
    }
  },
  {
    section,
    says: "takes no notice of an abort after the last byte",
    check: async ({ at, fetch }) => {
      const controller = new AbortController()
      const answer = await fetch(at("/answer", { body: "whole" }), { signal: controller.signal })
      assert.equal(await answer.text(), "whole")
      controller.abort()
    }
  },
  {
    section,
    says: "heeds the signal of a Request, and that of init before it",
    check: async ({ at, fetch }) => {
      const reason = new Error("mine")
      const request = new Request(at("/echo"), { signal: AbortSignal.abort(reason) })
      assert.equal(await failureOf(fetch(request)), reason)
      const live = new AbortController()
      assert.equal((await fetch(request, { signal: live.signal })).status, 200)
    }
  },
  {
    section,
    says: "rejects with a TimeoutError where AbortSignal.timeout says so",
    check: async ({ at, fetch }) => {
      const error = await failureOf(fetch(at("/silence", { id: nextId() }), { signal: AbortSignal.timeout(20) }))
      assert.ok(error instanceof DOMException && error.name === "TimeoutError")
    }
  },
  {
    section,
    says: "aborts every call that shares a signal",
    check: async ({ at, fetch }) => {
      const [controller, reason] = [new AbortController(), new Error("mine")]
      const calls = [1, 2, 3].map(() =>
        failureOf(fetch(at("/silence", { id: nextId() }), { signal: controller.signal }))
      )
      controller.abort(reason)
      assert.deepEqual(await Promise.all(calls), [reason, reason, reason])
    }
  }
]
