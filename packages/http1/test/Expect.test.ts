import { Buffer } from "node:buffer"
import { describe, expect, it } from "@effect/vitest"
import type { RequestHead } from "@weir/http1"
import { openSession, Recorder, request } from "./Recorder.ts"

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1")
const bytesBody = (text: string): RequestHead["body"] => ({ _tag: "bytes", bytes: bytes(text) })
const chunked: RequestHead["body"] = { _tag: "chunked" }
const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

describe("A body held for 100 Continue (RFC 9110 section 10.1.1)", () => {
  const hold = (body: RequestHead["body"]) => {
    const opened = openSession()
    const recorder = new Recorder()
    opened.session.start(request({ method: "POST", body, expectsContinue: true }), recorder)
    expect(opened.connection.written.endsWith("\r\nExpect: 100-continue\r\n\r\n")).toBe(true)
    const headByteCount = opened.connection.written.length
    return { ...opened, recorder, body: () => opened.connection.written.slice(headByteCount) }
  }
  const goOn = "HTTP/1.1 100 Continue\r\n\r\n"

  it("is sent when 100 comes, if its bytes were known", () => {
    const { body, connection, recorder } = hold(bytesBody("abc"))
    expect(body()).toBe("")
    connection.send(goOn)
    expect(body()).toBe("abc")
    connection.send(answer)
    expect(recorder.last).toEqual({ complete: "reusable", trailers: [] })
  })

  it("is asked for when 100 comes, if it is a stream", () => {
    const { body, connection, recorder, session } = hold(chunked)
    expect(session.writeBody(bytes(""))).toBe(false)
    connection.send(goOn)
    expect(recorder.heard).toMatchObject([{ informational: {} }, "writable"])
    expect(session.writeBody(bytes("abc"))).toBe(true)
    session.endBody()
    expect(body()).toBe("3\r\nabc\r\n0\r\n\r\n")
  })

  it("keeps what was written meanwhile, and sends it in order when 100 comes", () => {
    const { body, connection, session } = hold(chunked)
    expect(session.writeBody(bytes("abc"))).toBe(false)
    expect(session.writeBody(bytes("d"))).toBe(false)
    session.endBody()
    expect(body()).toBe("")
    connection.send(goOn)
    expect(body()).toBe("3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n")
  })

  it("does not take another 1xx for the 100", () => {
    const { body, connection, recorder } = hold(bytesBody("abc"))
    connection.send("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n")
    expect(body()).toBe("")
    expect(recorder.heard).toHaveLength(2)
  })

  it("is sent without 100 when the caller will not wait longer", () => {
    const { body, connection, recorder, session } = hold({ _tag: "sized", byteCount: 6 })
    session.writeBody(bytes("abc"))
    expect(session.releaseBody()).toBe(true)
    expect(body()).toBe("abc")
    expect(session.writeBody(bytes("def"))).toBe(true)
    connection.send(goOn)
    connection.send(answer)
    expect(body()).toBe("abcdef")
    expect(recorder.last).toEqual({ complete: "reusable", trailers: [] })
  })

  it("is released without a claim that more may be written when the connection queues it", () => {
    const { connection, recorder, session } = hold({ _tag: "sized", byteCount: 6 })
    session.writeBody(bytes("abc"))
    connection.isFlowing = false
    connection.send(goOn)
    expect(recorder.heard).toHaveLength(1)
    expect(session.releaseBody()).toBe(false)
    connection.drain()
    expect(recorder.last).toBe("writable")
  })

  it("is not asked for when the connection drains its head", () => {
    const { connection, recorder } = hold({ _tag: "sized", byteCount: 6 })
    connection.drain()
    expect(recorder.heard).toEqual([])
  })

  it("is never sent after a final answer, and the connection is not used again", () => {
    const { body, connection, recorder, session } = hold({ _tag: "sized", byteCount: 6 })
    session.writeBody(bytes("abc"))
    connection.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nn")
    expect(session.writeBody(bytes("def"))).toBe(false)
    expect(session.releaseBody()).toBe(false)
    session.endBody()
    connection.drain()
    connection.send("o")
    expect(body()).toBe("")
    expect(recorder.heard.slice(1)).toEqual([{ body: "no" }, { complete: "request-unfinished", trailers: [] }])
    expect(connection.isOpen).toBe(false)
  })

  it("is never sent after an abort in the 100's own call", () => {
    const opened = openSession()
    const recorder = new Recorder({ onInformational: () => opened.session.abort() })
    opened.session.start(request({ method: "POST", body: bytesBody("abc"), expectsContinue: true }), recorder)
    const before = opened.connection.written
    opened.connection.send(goOn)
    expect(opened.connection.written).toBe(before)
    expect(recorder.heard).toHaveLength(1)
  })

  it("refuses a switch of protocols that comes before 100 (RFC 9110 section 7.8)", () => {
    const { connection, session } = openSession()
    const recorder = new Recorder()
    const headers = ["Host", "a.test", "Upgrade", "echo"]
    session.start(
      request({ method: "POST", headers, isUpgrade: true, body: bytesBody("a"), expectsContinue: true }),
      recorder
    )
    connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n")
    expect(recorder.heard).toMatchObject([{ failure: "MalformedResponse response-started" }])
    expect(connection.isOpen).toBe(false)
  })
})
