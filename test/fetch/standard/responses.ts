/**
 * What is given back: status, headers and body.
 */
import assert from "node:assert/strict"
import { failureOf, nextId, rejectsWithTypeError, type Spec } from "../Spec.ts"

const response = "5.5 Response class"
const body = "5.3 Body mixin"
const network = "4.5 HTTP-network fetch"

const raw = (text: string): { readonly bytes: string } => ({ bytes: Buffer.from(text, "latin1").toString("base64") })

export const responseSpecs: ReadonlyArray<Spec> = [
  {
    section: response,
    says: "tells status, reason and whether they are good",
    check: async ({ at, fetch }) => {
      for (const [status, isGood] of [
        [200, true],
        [299, true],
        [300, false],
        [404, false],
        [599, false]
      ] as const) {
        const answer = await fetch(at("/answer", { status: `${status}`, reason: "Because" }))
        assert.deepEqual([answer.status, answer.statusText, answer.ok], [status, "Because", isGood])
        await answer.text()
      }
    }
  },
  {
    section: response,
    says: "has an empty reason where the server gives none",
    check: async ({ at, fetch }) => {
      const answer = await fetch(at("/raw", raw("HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n")))
      assert.equal(answer.statusText, "")
    }
  },
  {
    section: response,
    says: "tells the URL without its fragment",
    check: async ({ at, fetch }) => {
      const answer = await fetch(`${at("/answer")}#part`)
      assert.deepEqual([answer.url, answer.redirected], [at("/answer"), false])
    }
  },
  {
    section: response,
    says: "is of a type that a program can read",
    check: async ({ at, fetch }) => {
      assert.ok(["basic", "default", "cors"].includes((await fetch(at("/answer"))).type))
    }
  },
  {
    section: response,
    says: "joins the values of a field that came twice, and keeps each Set-Cookie",
    check: async ({ at, fetch }) => {
      const header = ["x-a: 1", "x-a: 2", "set-cookie: a=1", "set-cookie: b=2, c"]
      const { headers } = await fetch(at("/answer", { header }))
      assert.deepEqual([headers.get("x-a"), headers.getSetCookie()], ["1, 2", ["a=1", "b=2, c"]])
    }
  },
  {
    section: response,
    says: "tells fields whatever the case of their names",
    check: async ({ at, fetch }) => {
      const { headers } = await fetch(at("/answer", { header: "X-Own-Name: 1" }))
      assert.deepEqual([headers.get("x-own-name"), headers.has("X-OWN-NAME")], ["1", true])
    }
  },
  {
    section: response,
    says: "reads a field's bytes as the characters up to U+00FF",
    check: async ({ at, fetch }) => {
      const { headers } = await fetch(at("/raw", raw("HTTP/1.1 200 OK\r\nx-a: caf\u00e9\r\ncontent-length: 0\r\n\r\n")))
      assert.equal(headers.get("x-a"), "caf\u00e9")
    }
  },
  {
    section: response,
    says: "does not let its headers be changed",
    check: async ({ at, fetch }) => {
      const { headers } = await fetch(at("/answer"))
      assert.throws(() => headers.set("x-a", "1"), TypeError)
    }
  },
  ...[204, 205, 304].map((status) => ({
    section: response,
    says: `has no body with ${status}`,
    check: async ({ at, fetch }: Parameters<Spec["check"]>[0]) => {
      const answer = await fetch(at("/answer", { status: `${status}` }))
      assert.deepEqual([answer.body, await answer.text()], [null, ""])
    }
  })),
  {
    section: response,
    says: "has no body for HEAD, with the length that the server tells",
    check: async ({ at, fetch }) => {
      const answer = await fetch(at("/answer", { header: "content-length: 5" }), { method: "HEAD" })
      assert.deepEqual([answer.body, answer.headers.get("content-length")], [null, "5"])
    }
  },
  {
    section: response,
    says: "has an empty body, not none, where there are no bytes",
    check: async ({ at, fetch }) => {
      const answer = await fetch(at("/answer"))
      assert.notEqual(answer.body, null)
      assert.equal(await answer.text(), "")
    }
  },
  {
    section: body,
    says: "gives the body as text, JSON, bytes, a buffer and a Blob with its type",
    check: async ({ at, fetch }) => {
      const get = () => fetch(at("/answer", { body: `{"a":1}`, header: "content-type: application/json" }))
      assert.equal(await (await get()).text(), `{"a":1}`)
      assert.deepEqual(await (await get()).json(), { a: 1 })
      assert.equal((await (await get()).bytes()).length, 7)
      assert.equal((await (await get()).arrayBuffer()).byteLength, 7)
      const blob = await (await get()).blob()
      assert.deepEqual([blob.size, blob.type], [7, "application/json"])
    }
  },
  {
    section: body,
    says: "gives a form as FormData",
    check: async ({ at, fetch }) => {
      const header = "content-type: application/x-www-form-urlencoded"
      const form = await (await fetch(at("/answer", { body: "a=b+c", header }))).formData()
      assert.equal(form.get("a"), "b c")
    }
  },
  {
    section: body,
    says: "reads text as UTF-8, without a byte order mark, with U+FFFD for what is none",
    check: async ({ at, fetch }) => {
      const answer = await fetch(at("/answer", { body: "\u00ef\u00bb\u00bfa\u00ff", latin1: "" }))
      assert.equal(await answer.text(), "a\ufffd")
    }
  },
  {
    section: body,
    says: "rejects with a SyntaxError for what is no JSON",
    check: async ({ at, fetch }) => {
      const error = await failureOf((await fetch(at("/answer", { body: "{" }))).json())
      assert.ok(error instanceof SyntaxError)
    }
  },
  {
    section: body,
    says: "is read once",
    check: async ({ at, fetch }) => {
      const answer = await fetch(at("/answer", { body: "once" }))
      assert.equal(answer.bodyUsed, false)
      await answer.text()
      assert.equal(answer.bodyUsed, true)
      await rejectsWithTypeError(answer.text())
    }
  },
  {
    section: body,
    says: "can be cloned before it is read, and not after",
    check: async ({ at, fetch }) => {
      const answer = await fetch(at("/answer", { body: "both" }))
      const copy = answer.clone()
      assert.deepEqual([await answer.text(), await copy.text()], ["both", "both"])
      assert.throws(() => answer.clone(), TypeError)
    }
  },
  {
    section: body,
    says: "streams, chunk by chunk, while the server still writes",
    check: async ({ at, fetch }) => {
      const answer = await fetch(at("/endless", { id: nextId() }))
      const reader = answer.body?.getReader()
      const first = await reader?.read()
      assert.equal(new TextDecoder().decode(first?.value), "begun")
      await reader?.cancel()
    }
  },
  {
    section: body,
    says: "streams into a buffer of the reader's own",
    check: async ({ at, fetch }) => {
      const answer = await fetch(at("/answer", { body: "hello".repeat(100_000) }))
      const reader = answer.body?.getReader({ mode: "byob" })
      const first = await reader?.read(new Uint8Array(3))
      assert.equal(new TextDecoder().decode(first?.value), "hel")
      await reader?.cancel()
    }
  },
  {
    section: body,
    says: "closes the connection of an endless body that is cancelled",
    check: async ({ at, fetch }) => {
      const id = nextId()
      await (await fetch(at("/endless", { id }))).body?.cancel()
      assert.equal(await (await fetch(at("/closed", { id }))).text(), "closed")
    }
  },
  ...["gzip", "deflate", "br"].map((coding) => ({
    section: network,
    says: `undoes ${coding}, and still tells of it`,
    check: async ({ at, fetch }: Parameters<Spec["check"]>[0]) => {
      const answer = await fetch(at("/coded", { coding, body: "packed" }))
      assert.deepEqual([await answer.text(), answer.headers.get("content-encoding")], ["packed", coding])
    }
  })),
  {
    section: network,
    says: "gives a body of an unknown coding as it came",
    check: async ({ at, fetch }) => {
      const answer = await fetch(at("/coded", { coding: "own", body: "as it is" }))
      assert.equal(await answer.text(), "as it is")
    }
  },
  {
    section: network,
    says: "passes over 1xx answers",
    check: async ({ at, fetch }) => {
      const text = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
      assert.equal(await (await fetch(at("/raw", raw(text)))).text(), "ok")
    }
  },
  {
    section: network,
    says: "takes the end of the connection for the end of a body without a length",
    check: async ({ at, fetch }) => {
      assert.equal(await (await fetch(at("/raw", raw("HTTP/1.1 200 OK\r\n\r\nuntil the end")))).text(), "until the end")
    }
  },
  {
    section: network,
    says: "fails with a TypeError where nothing listens",
    check: async ({ fetch }) => rejectsWithTypeError(fetch("http://127.0.0.1:9/"))
  },
  {
    section: network,
    says: "fails with a TypeError where the connection ends before the answer",
    check: async ({ at, fetch }) => rejectsWithTypeError(fetch(at("/reset"), { method: "POST" }))
  },
  {
    section: network,
    says: "fails with a TypeError where the answer is no HTTP",
    check: async ({ at, fetch }) => rejectsWithTypeError(fetch(at("/raw", raw("what is this\r\n\r\n"))))
  },
  {
    section: network,
    says: "fails the reading of a body that ends too early",
    check: async ({ at, fetch }) => {
      const answer = await fetch(at("/raw", raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")))
      await rejectsWithTypeError(answer.text())
    }
  },
  {
    section: network,
    says: "fails the reading of a chunked body that ends too early",
    check: async ({ at, fetch }) => {
      const answer = await fetch(at("/raw", raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n")))
      await rejectsWithTypeError(answer.text())
    }
  },
  {
    section: network,
    says: "refuses two lengths that differ",
    check: async ({ at, fetch }) => {
      const text = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc"
      await rejectsWithTypeError(fetch(at("/raw", raw(text))).then((answer) => answer.text()))
    }
  },
  {
    section: "2.9 Port blocking",
    says: "refuses ports of other protocols",
    check: async ({ fetch }) => {
      const error = await failureOf(fetch("http://127.0.0.1:25/"))
      assert.match(
        String(error instanceof Error ? `${error.message} ${error.cause}` : error),
        /bad port|blocked|unsafe/i
      )
    }
  },
  {
    section: "4.1 Main fetch",
    says: "refuses a body that does not have the digest that integrity names",
    check: async ({ at, fetch }) => {
      const integrity = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
      await rejectsWithTypeError(fetch(at("/answer", { body: "x" }), { integrity }).then((answer) => answer.text()))
    }
  }
]
