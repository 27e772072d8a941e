/**
 * Bodies that are sent: which bytes, which type, and what becomes of streams.
 */
import assert from "node:assert/strict"
import { type Echo, echoOf, failureOf, nextId, rejectsWithTypeError, type Spec, type World } from "../Spec.ts"

const extract = "5.2 BodyInit unions"

const post = ({ at, fetch }: World, body: BodyInit, init: RequestInit = {}): Promise<Echo> =>
  echoOf(fetch(at("/echo"), { method: "POST", body, ...init }))

const streamed = (...texts: ReadonlyArray<string>): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start: (controller) => {
      for (const text of texts) controller.enqueue(new TextEncoder().encode(text))
      controller.close()
    }
  })

/** `duplex` is asked for by the standard, and unknown to the types of the DOM. */
const half: RequestInit & { readonly duplex: "half" } = { duplex: "half" }

export const bodySpecs: ReadonlyArray<Spec> = [
  {
    section: extract,
    says: "sends text as UTF-8, and says so",
    check: async (world) => {
      const { body, headers } = await post(world, "\u00e9")
      assert.deepEqual([body, headers["content-type"]], ["\u00c3\u00a9", "text/plain;charset=UTF-8"])
    }
  },
  {
    section: extract,
    says: "sends URLSearchParams as a form",
    check: async (world) => {
      const { body, headers } = await post(world, new URLSearchParams({ a: "b c", d: "\u00e9" }))
      assert.equal(body, "a=b+c&d=%C3%A9")
      assert.equal(headers["content-type"], "application/x-www-form-urlencoded;charset=UTF-8")
    }
  },
  {
    section: extract,
    says: "sends FormData as multipart, with the boundary that it names",
    check: async (world) => {
      const form = new FormData()
      form.append("field", "value")
      form.append("file", new Blob(["content"], { type: "text/x-own" }), "name.txt")
      const { body, headers } = await post(world, form)
      const boundary = /^multipart\/form-data; ?boundary=(.+)$/.exec(headers["content-type"] ?? "")?.[1] ?? "none"
      assert.ok(body.includes(`--${boundary}\r\n`) && body.trimEnd().endsWith(`--${boundary}--`))
      assert.match(body, /name="field"\r\n\r\nvalue\r\n/)
      assert.match(body, /name="file"; filename="name.txt"\r\nContent-Type: text\/x-own\r\n\r\ncontent\r\n/i)
    }
  },
  {
    section: extract,
    says: "sends a Blob with its type, and one without a type without one",
    check: async (world) => {
      const typed = await post(world, new Blob(["a"], { type: "text/x-own" }))
      assert.deepEqual([typed.body, typed.headers["content-type"]], ["a", "text/x-own"])
      assert.equal((await post(world, new Blob(["a"]))).headers["content-type"], undefined)
    }
  },
  {
    section: extract,
    says: "sends an ArrayBuffer and exactly the part that a view shows, without a type",
    check: async (world) => {
      const bytes = new TextEncoder().encode("0123456789")
      assert.equal((await post(world, bytes.buffer)).body, "0123456789")
      assert.equal((await post(world, bytes.subarray(2, 5))).body, "234")
      assert.equal((await post(world, new DataView(bytes.buffer, 7, 2))).body, "78")
      assert.equal((await post(world, bytes)).headers["content-type"], undefined)
    }
  },
  {
    section: extract,
    says: "keeps the type that the caller names",
    check: async (world) => {
      const { headers } = await post(world, "{}", { headers: { "content-type": "application/json" } })
      assert.equal(headers["content-type"], "application/json")
    }
  },
  {
    section: extract,
    says: "sends what a stream gives, in chunks",
    check: async (world) => {
      const { body, headers } = await post(world, streamed("one ", "two"), half)
      assert.deepEqual(
        [body, headers["transfer-encoding"], headers["content-length"]],
        ["one two", "chunked", undefined]
      )
    }
  },
  {
    section: extract,
    says: "refuses a stream that somebody else reads",
    check: async (world) => {
      const body = streamed("x")
      body.getReader()
      await rejectsWithTypeError(post(world, body, half))
    }
  },
  {
    section: extract,
    says: "refuses a stream that has been read",
    check: async (world) => {
      const body = streamed("x")
      await post(world, body, half)
      await rejectsWithTypeError(post(world, body, half))
    }
  },
  {
    section: "5.4 Request class",
    says: "asks for duplex: half with a stream",
    check: async (world) => rejectsWithTypeError(post(world, streamed("x")))
  },
  {
    section: "4.5 HTTP-network fetch",
    says: "fails where the stream that is sent fails",
    check: async (world) => {
      const body = new ReadableStream({ pull: (controller) => controller.error(new Error("mine")) })
      await failureOf(post(world, body, half))
    }
  },
  {
    section: "4.5 HTTP-network fetch",
    says: "fails where a stream gives what are no bytes",
    check: async (world) => {
      const body = new ReadableStream({
        pull: (controller) => controller.enqueue(1)
      })
      await rejectsWithTypeError(post(world, body, half))
    }
  },
  {
    section: "5.6 Fetch method",
    says: "cancels the stream that is sent when it is aborted",
    check: async ({ at, fetch }) => {
      const controller = new AbortController()
      const cancelled = Promise.withResolvers<unknown>()
      const body = new ReadableStream({
        pull: (sink) => sink.enqueue(new TextEncoder().encode("x".repeat(10_000))),
        cancel: (reason) => cancelled.resolve(reason)
      })
      const url = at("/silence", { id: nextId() })
      const call = failureOf(fetch(url, { method: "POST", body, signal: controller.signal, ...half }))
      controller.abort(new Error("mine"))
      await call
      await cancelled.promise
    }
  }
]
