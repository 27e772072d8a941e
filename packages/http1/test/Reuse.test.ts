import { Buffer } from "node:buffer"
import { describe, expect, it } from "@effect/vitest"
import type { RequestHead } from "@weir/http1"
import type { MemoryConnection } from "../../../test/support/MemoryConnection.ts"
import { openSession, Recorder, request } from "./Recorder.ts"

interface Case {
  readonly title: string
  readonly head?: Partial<RequestHead>
  readonly answer: string
  /** What the peer does in the turn in which the answer's last byte arrives, before it is read. */
  readonly before?: (connection: MemoryConnection) => void
  readonly after?: (connection: MemoryConnection) => void
  readonly verdict: string
}

const answer = (...headers: ReadonlyArray<string>): string =>
  `HTTP/1.1 200 OK\r\n${headers.map((line) => `${line}\r\n`).join("")}Content-Length: 2\r\n\r\nhi`
const answer10 = (...headers: ReadonlyArray<string>): string => answer(...headers).replace("1.1", "1.0")

const cases: ReadonlyArray<Case> = [
  { title: "an answer read to its end", answer: answer(), verdict: "reusable" },
  { title: "keep-alive said in HTTP/1.1", answer: answer("Connection: keep-alive"), verdict: "reusable" },
  {
    title: "options that mean nothing here",
    answer: answer("Connection: closed, x-close,,Close-Not"),
    verdict: "reusable"
  },
  { title: "an empty Connection field", answer: answer("Connection: "), verdict: "reusable" },
  { title: "close in the answer", answer: answer("Connection: close"), verdict: "response-close" },
  { title: "close in a list", answer: answer("connection: keep-alive ,\tCLOSE "), verdict: "response-close" },
  {
    title: "close in the second Connection field",
    answer: answer("Connection: keep-alive", "Connection: close"),
    verdict: "response-close"
  },
  {
    title: "close in a 1xx head before",
    answer: `HTTP/1.1 103 Early Hints\r\nConnection: close\r\n\r\n${answer()}`,
    verdict: "response-close"
  },
  {
    title: "close and keep-alive in HTTP/1.0",
    answer: answer10("Connection: keep-alive, close"),
    verdict: "response-close"
  },
  { title: "HTTP/1.0", answer: answer10(), verdict: "response-close" },
  {
    title: "HTTP/1.0 with a Keep-Alive field but no keep-alive option",
    answer: answer10("Keep-Alive: timeout=5"),
    verdict: "response-close"
  },
  { title: "HTTP/1.0 with keep-alive", answer: answer10("Connection: keep-alive"), verdict: "reusable" },
  {
    title: "an HTTP/1.0 interim head that says keep-alive before a final one that does not",
    answer: `HTTP/1.0 100 Continue\r\nConnection: keep-alive\r\n\r\n${answer10()}`,
    verdict: "response-close"
  },
  { title: "close in the request", head: { isKeepAlive: false }, answer: answer(), verdict: "request-close" },
  {
    title: "close both ways",
    head: { isKeepAlive: false },
    answer: answer("Connection: close"),
    verdict: "request-close"
  },
  { title: "bytes behind the message", answer: `${answer()}x`, verdict: "excess-bytes" },
  {
    title: "bytes behind a message that said close",
    answer: `${answer("Connection: close")}x`,
    verdict: "excess-bytes"
  },
  { title: "an empty line behind the message", answer: `${answer()}\r\n`, verdict: "excess-bytes" },
  { title: "a body to HEAD", head: { method: "HEAD" }, answer: answer(), verdict: "excess-bytes" },
  { title: "a body with 204", answer: answer().replace("200 OK", "204 No Content"), verdict: "excess-bytes" },
  {
    title: "a body that ends with the connection",
    answer: "HTTP/1.1 200 OK\r\n\r\nhi",
    after: (connection) => connection.finish(),
    verdict: "close-delimited"
  },
  {
    title: "more that the connection holds, or may hold, behind the answer",
    answer: answer(),
    before: (connection) => {
      connection.hasMore = true
    },
    verdict: "excess-bytes"
  },
  {
    title: "FIN seen before the end was read",
    answer: answer(),
    before: (connection) => connection.end(),
    verdict: "peer-closed"
  },
  {
    title: "a streamed body of which nothing was written",
    head: { method: "POST", body: { _tag: "sized", byteCount: 4 } },
    answer: answer(),
    verdict: "request-unfinished"
  },
  {
    title: "a chunked body that has not ended",
    head: { method: "POST", body: { _tag: "chunked" } },
    answer: answer(),
    verdict: "request-unfinished"
  },
  {
    title: "a held body that the final answer made needless",
    head: { method: "POST", body: { _tag: "bytes", bytes: Buffer.from("body") }, expectsContinue: true },
    answer: answer(),
    verdict: "request-unfinished"
  },
  {
    title: "an expectation for no content",
    head: { method: "POST", body: { _tag: "sized", byteCount: 0 }, expectsContinue: true },
    answer: answer(),
    verdict: "reusable"
  },
  {
    title: "a sized body of no bytes, not ended by a call",
    head: { method: "POST", body: { _tag: "sized", byteCount: 0 } },
    answer: answer(),
    verdict: "reusable"
  },
  {
    title: "a body of known bytes",
    head: { method: "POST", body: { _tag: "bytes", bytes: Buffer.from("body") } },
    answer: answer(),
    verdict: "reusable"
  },
  { title: "Keep-Alive: timeout alone", answer: answer("Keep-Alive: timeout=5"), verdict: "reusable 5000 undefined" },
  {
    title: "Keep-Alive: max alone, oddly written",
    answer: answer('Keep-Alive: foo, MAX = "7" '),
    verdict: "reusable undefined 7"
  },
  {
    title: "Keep-Alive in two fields",
    answer: answer("Keep-Alive: timeout=5", "Keep-Alive: max=7"),
    verdict: "reusable 5000 7"
  },
  { title: "Keep-Alive: timeout=0", answer: answer("Keep-Alive: timeout=0, max=0"), verdict: "reusable 0 0" },
  {
    title: "Keep-Alive that cannot be read",
    answer: answer("Keep-Alive: timeout=-1, max=1e3, timeout=12345678901, 5"),
    verdict: "reusable"
  },
  {
    title: "Keep-Alive of an answer that says close",
    answer: answer("Connection: close", "Keep-Alive: timeout=5"),
    verdict: "response-close"
  }
]

describe("The reuse gate", () => {
  for (const { after, answer: text, before, head, title, verdict } of cases) {
    it(`decides ${verdict}: ${title}`, () => {
      const { connection, session } = openSession()
      const recorder = new Recorder()
      session.start(request(head), recorder)
      before?.(connection)
      connection.send(text)
      after?.(connection)
      expect(recorder.last).toMatchObject({ complete: verdict })
      expect(session.isBusy).toBe(false)
      if (before === undefined) expect(connection.isOpen).toBe(verdict.startsWith("reusable"))
    })
  }

  it("lets the hints and options of one answer say nothing about the next", () => {
    const { connection, session } = openSession()
    const first = new Recorder()
    session.start(request(), first)
    connection.send(answer10("Connection: keep-alive", "Keep-Alive: timeout=5, max=7"))
    expect(first.last).toMatchObject({ complete: "reusable 5000 7" })
    const second = new Recorder()
    session.start(request(), second)
    connection.send(answer())
    expect(second.last).toMatchObject({ complete: "reusable" })
    const third = new Recorder()
    session.start(request(), third)
    connection.send(answer10())
    expect(third.last).toMatchObject({ complete: "response-close" })
  })

  it("opens for a streamed body once its last byte was written", () => {
    const { connection, session } = openSession()
    const recorder = new Recorder()
    session.start(request({ method: "PUT", body: { _tag: "sized", byteCount: 4 } }), recorder)
    session.writeBody(Buffer.from("bo"))
    session.writeBody(Buffer.from("dy"))
    connection.send(answer())
    expect(recorder.last).toMatchObject({ complete: "reusable" })
  })

  it("opens for a chunked body once its last chunk was written", () => {
    const { connection, session } = openSession()
    const recorder = new Recorder()
    session.start(request({ method: "PUT", body: { _tag: "chunked" } }), recorder)
    session.endBody()
    connection.send(answer())
    expect(recorder.last).toMatchObject({ complete: "reusable" })
  })

  it("stays shut while the connection still queues a part of the request", () => {
    const { connection, session } = openSession()
    const recorder = new Recorder()
    connection.isFlowing = false
    session.start(request(), recorder)
    connection.send(answer())
    expect(recorder.last).toMatchObject({ complete: "request-unfinished" })
  })

  it("opens when the connection has sent what it had queued", () => {
    const { connection, session } = openSession()
    const recorder = new Recorder()
    connection.isFlowing = false
    session.start(request(), recorder)
    connection.drain()
    connection.send(answer())
    expect(recorder.last).toMatchObject({ complete: "reusable" })
  })

  it("tells nobody of the peer's FIN on a connection that it has closed itself", () => {
    const { connection, owner, session } = openSession()
    session.start(request({ isKeepAlive: false }), new Recorder())
    connection.send(answer())
    connection.finish()
    connection.settle()
    expect(owner.heard).toEqual(["closed"])
  })
})
