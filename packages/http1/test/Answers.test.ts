import { describe, expect, it } from "@effect/vitest"
import type { AnswerOptions, Heard } from "./Recorder.ts"
import { hear, openSession, Recorder, request, splitsOf } from "./Recorder.ts"

interface Sample {
  readonly title: string
  readonly text: string
  readonly options?: AnswerOptions
  readonly heard: ReadonlyArray<Heard>
}

const ok = (...headers: ReadonlyArray<string>): Heard => ({ head: { line: "1.1 200 OK", headers } })
const reusable: Heard = { complete: "reusable", trailers: [] }
const longValue = "v".repeat(3000)

const samples: ReadonlyArray<Sample> = [
  {
    title: "a body of the length that Content-Length announces",
    text: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    heard: [ok("Content-Length", "5"), { body: "hello" }, reusable]
  },
  {
    title: "an empty body of Content-Length 0, leading zeros allowed",
    text: "HTTP/1.1 200 OK\r\nContent-Length: 000\r\n\r\n",
    heard: [ok("Content-Length", "000"), reusable]
  },
  {
    title: "a chunked body, its sizes in either case and with leading zeros",
    text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00a\r\n0123456789\r\nA\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n",
    heard: [ok("Transfer-Encoding", "chunked"), { body: "01234567890123456789x" }, reusable]
  },
  {
    title: "chunk extensions, which mean nothing (RFC 9112 section 7.1.1)",
    text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a;b=c;d="e;\\" \xe9"\r\nhi\r\n0;last\r\n\r\n',
    heard: [ok("Transfer-Encoding", "chunked"), { body: "hi" }, reusable]
  },
  {
    title: "trailers (RFC 9112 section 7.1.2)",
    text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked \r\n\r\n2\r\nhi\r\n0\r\nDigest: abc \r\nX-Empty:\r\n\r\n",
    heard: [
      ok("Transfer-Encoding", "Chunked"),
      { body: "hi" },
      { complete: "reusable", trailers: ["Digest", "abc", "X-Empty", ""] }
    ]
  },
  {
    title: "a body that ends with the connection",
    text: "HTTP/1.1 200 OK\r\n\r\nuntil the end",
    options: { isFinished: true },
    heard: [ok(), { body: "until the end" }, { complete: "close-delimited", trailers: [] }]
  },
  {
    title: "an empty body that ends with the connection",
    text: "HTTP/1.1 200 OK\r\n\r\n",
    options: { isFinished: true },
    heard: [ok(), { complete: "close-delimited", trailers: [] }]
  },
  {
    title: "no body to HEAD, whatever the framing fields say (RFC 9112 section 6.3)",
    text: "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
    options: { head: { method: "HEAD" } },
    heard: [ok("Content-Length", "1000"), reusable]
  },
  {
    title: "no body with 204",
    text: "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n",
    heard: [{ head: { line: "1.1 204 No Content", headers: ["Content-Length", "7"] } }, reusable]
  },
  {
    title: "no body with 304",
    text: "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
    heard: [{ head: { line: "1.1 304 Not Modified", headers: ["Transfer-Encoding", "chunked"] } }, reusable]
  },
  {
    title: "1xx answers before the final one, asked for or not (RFC 9110 section 15.2)",
    text: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    heard: [
      { informational: { line: "1.1 100 Continue", headers: [] } },
      { informational: { line: "1.1 103 Early Hints", headers: ["Link", "</a>"] } },
      ok("Content-Length", "2"),
      { body: "hi" },
      reusable
    ]
  },
  {
    title: "HTTP/1.0 with keep-alive",
    text: "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi",
    heard: [
      { head: { line: "1.0 200 OK", headers: ["Connection", "Keep-Alive", "Content-Length", "2"] } },
      { body: "hi" },
      reusable
    ]
  },
  {
    title: "Keep-Alive hints",
    text: "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=99\r\nContent-Length: 0\r\n\r\n",
    heard: [
      ok("Keep-Alive", "timeout=5, max=99", "Content-Length", "0"),
      { complete: "reusable 5000 99", trailers: [] }
    ]
  },
  {
    title: "an upgrade, the bytes behind it given on",
    text: "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n\x00\xff",
    options: { head: { headers: ["Host", "a.test", "Upgrade", "echo"], isUpgrade: true } },
    heard: [
      {
        upgrade: { line: "1.1 101 Switching Protocols", headers: ["Connection", "upgrade", "Upgrade", "echo"] },
        rest: "\x00\xff"
      }
    ]
  },
  {
    title: "an upgrade that the server declined",
    text: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
    options: { head: { headers: ["Host", "a.test", "Upgrade", "echo"], isUpgrade: true } },
    heard: [ok("Content-Length", "2"), { body: "no" }, reusable]
  },
  {
    title: "a tunnel, its framing fields ignored (RFC 9110 section 9.3.6)",
    text: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: x\r\n\r\nabc",
    options: { head: { method: "CONNECT", target: "b.test:443" } },
    heard: [
      {
        upgrade: {
          line: "1.1 200 OK",
          headers: ["Content-Length", "5", "Content-Length", "6", "Transfer-Encoding", "gzip", "Transfer-Encoding", "x"]
        },
        rest: "abc"
      }
    ]
  },
  {
    title: "a tunnel refused, as an answer like any other",
    text: "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno",
    options: { head: { method: "CONNECT", target: "b.test:443" } },
    heard: [
      { head: { line: "1.1 407 Proxy Authentication Required", headers: ["Content-Length", "2"] } },
      { body: "no" },
      reusable
    ]
  },
  {
    title: "fields that occur twice, in their order, their spelling kept, obs-text and tabs in values",
    text: "HTTP/1.1 200 \r\nSET-cookie: a\r\nset-Cookie:\tb=\xe9\t\xfc \t\r\nx!#$%&'*+-.^_`|~9:\r\ncontent-length:1\r\n\r\n!",
    heard: [
      {
        head: {
          line: "1.1 200 ",
          headers: ["SET-cookie", "a", "set-Cookie", "b=\xe9\t\xfc", "x!#$%&'*+-.^_`|~9", "", "content-length", "1"]
        }
      },
      { body: "!" },
      reusable
    ]
  },
  {
    title: "a status line that ends at the code",
    text: "HTTP/1.1 599\r\nContent-Length: 0\r\n\r\n",
    heard: [{ head: { line: "1.1 599 ", headers: ["Content-Length", "0"] } }, reusable]
  },
  {
    title: "a head that needs the memory for split heads to grow",
    text: `HTTP/1.1 200 OK\r\nA: ${longValue}\r\nContent-Length: 2\r\n\r\nhi`,
    heard: [ok("A", longValue, "Content-Length", "2"), { body: "hi" }, reusable]
  },
  {
    title: "bytes behind the message, which close the connection",
    text: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\r\n",
    heard: [ok("Content-Length", "2"), { body: "hi" }, { complete: "excess-bytes", trailers: [] }]
  }
]

describe("An answer", () => {
  for (const { heard, options, text, title } of samples) {
    it(`is read: ${title}`, () => {
      expect(hear([text], options)).toEqual(heard)
    })
    if (heard.some((event) => event !== "writable" && "complete" in event && event.complete === "excess-bytes"))
      continue
    it(`is read alike however it is split: ${title}`, () => {
      for (const pieces of splitsOf(text)) {
        // The rest of an upgraded connection goes to the receiver's own handler, so it is not split here.
        const last = heard.at(-1)
        const rest = last !== undefined && last !== "writable" && "upgrade" in last ? last.rest : ""
        const whole = rest === "" ? pieces : [...text.slice(0, -rest.length - 1), text.slice(-rest.length - 1)]
        expect(hear(whole, options)).toEqual(heard)
      }
    })
  }

  it("gives a field's first value by its name in lower case, and nothing for a name that only resembles", () => {
    const { connection, session } = openSession()
    const recorder = new Recorder()
    session.start(request(), recorder)
    connection.send(
      "HTTP/1.1 200 accept: nothing\r\nX-Accept: 1\r\nACCEPT_:2\r\nAccept: \t 3 \t\r\nAccept: 4\r\nEmpty: \r\n\r\n"
    )
    const names = ["accept", "accept_", "x-accept", "empty", "accept\x7f", "nothing", "", "Accept"]
    expect(names.map((name) => recorder.head?.get(name))).toEqual(["3", "2", "1", "", ...Array(4).fill(undefined)])
  })

  it("keeps its head readable after the memory it arrived in was reused", () => {
    const { connection, session } = openSession()
    const recorder = new Recorder()
    session.start(request(), recorder)
    connection.send("HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n")
    expect(recorder.head?.get("content-length")).toBe("0")
    expect(recorder.head?.reasonPhrase).toBe("Fine")
  })

  it("gives the end of each read that leaves it unfinished", () => {
    const { connection, session } = openSession()
    const recorder = new Recorder()
    session.start(request(), recorder)
    for (const piece of ["HTTP/1.1 200 OK\r\n", "Content-Length: 3\r\n\r\na", "b", "c"]) connection.send(piece)
    expect(recorder.readCount).toBe(3)
  })

  it("is told apart from the next exchange's when a read ends both the answer and the exchange", () => {
    const { connection, session } = openSession()
    const next = new Recorder()
    session.start(request(), new Recorder({ onComplete: () => session.start(request(), next) }))
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    expect(next.readCount).toBe(0)
  })

  it("may be as many 1xx as the limit allows", () => {
    const text = `${"HTTP/1.1 102 Processing\r\n\r\n".repeat(32)}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`
    expect(hear([text]).at(-1)).toEqual(reusable)
  })

  it("may have a head of exactly the largest size", () => {
    const frame = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: \r\n\r\n"
    const text = frame.replace("A: ", `A: ${"a".repeat(16_384 - frame.length)}`)
    expect(text.length).toBe(16_384)
    expect(hear([text]).at(-1)).toEqual(reusable)
    expect(hear([text.slice(0, 16_383), text.slice(16_383)]).at(-1)).toEqual(reusable)
  })
})
