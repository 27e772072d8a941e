/**
 * Forms as they are sent, judged by the runtime's own reading of them.
 */
import { assert, describe, it } from "@effect/vitest"
import { formBody } from "@weir/client"
import { Effect, Stream } from "effect"

const bytesOf = (form: FormData) => {
  const { body, contentType } = formBody(form)
  if (body._tag === "Empty") return assert.fail("no body")
  const stream = body._tag === "Bytes" ? Stream.make(body.bytes) : body.stream
  const announced = body._tag === "Bytes" ? body.bytes.length : body.byteCount
  return Effect.map(Stream.runCollect(stream), (pieces) => ({ announced, contentType, bytes: Buffer.concat(pieces) }))
}

describe("a form's body", () => {
  it.live("has the length that it announces, each time it is sent, and is read as what was put in", () =>
    Effect.gen(function* () {
      const form = new FormData()
      form.append("field", "välue")
      form.append("field", "line\nline\r\nline\rend")
      form.append('na"me\r\n', "x")
      form.append("file", new Blob(["cönt\nent"], { type: "text/x" }), 'a"b.txt')
      form.append("empty", new Blob([]), "empty")
      const first = yield* bytesOf(form)
      const again = yield* bytesOf(form)
      assert.strictEqual(first.bytes.length, first.announced)
      assert.strictEqual(again.bytes.length, again.announced)
      const read = yield* Effect.promise(() =>
        new Response(first.bytes, { headers: { "content-type": first.contentType } }).formData()
      )
      assert.deepStrictEqual(read.getAll("field"), ["välue", "line\r\nline\r\nline\r\nend"])
      assert.include(first.bytes.toString(), 'name="na%22me%0D%0A"')
      const file = read.get("file")
      if (!(file instanceof File)) return assert.fail("no file")
      assert.include(first.bytes.toString(), 'filename="a%22b.txt"')
      assert.deepStrictEqual([file.type, yield* Effect.promise(() => file.text())], ["text/x", "cönt\nent"])
    })
  )

  it.live("is bytes where no file is among its values", () =>
    Effect.gen(function* () {
      const form = new FormData()
      form.append("a", "b")
      const { body } = formBody(form)
      assert.strictEqual(body._tag, "Bytes")
      const { bytes, contentType } = yield* bytesOf(new FormData())
      assert.strictEqual(bytes.toString(), `--${contentType.split("boundary=")[1]}--\r\n`)
    })
  )
})
