import { Buffer } from "node:buffer"
import { describe, expect, it } from "@effect/vitest"
import type { RawHeaders, RequestHead } from "@weir/http1"
import { openSession, Recorder, request } from "./Recorder.ts"

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1")
const bytesBody = (text: string): RequestHead["body"] => ({ _tag: "bytes", bytes: bytes(text) })
const chunked: RequestHead["body"] = { _tag: "chunked" }

const written = (fields: Partial<RequestHead>): string => {
  const { connection, session } = openSession()
  session.start(request(fields), new Recorder())
  return connection.written
}

/** Why a head was refused; nothing was written. */
const refused = (fields: Partial<RequestHead>): string => {
  const { connection, session } = openSession()
  const recorder = new Recorder()
  session.start(request(fields), recorder)
  expect(connection.writes).toEqual([])
  const last = recorder.last
  if (last === undefined || last === "writable" || !("failure" in last)) throw new Error("the head was not refused")
  expect(last.failure).toBe("InvalidRequest unsent")
  return last.detail
}

describe("A request is written", () => {
  const samples: ReadonlyArray<readonly [string, Partial<RequestHead>, string]> = [
    [
      "with its headers as they were given",
      { headers: ["host", "a.test:8080", "X-A", "", "x-a", "b\t\xe9"] },
      "GET / HTTP/1.1\r\nhost: a.test:8080\r\nX-A: \r\nx-a: b\t\xe9\r\n\r\n"
    ],
    [
      "without framing fields where there is no body",
      { method: "DELETE" },
      "DELETE / HTTP/1.1\r\nHost: a.test\r\n\r\n"
    ],
    ...["POST", "PUT", "PATCH"].map(
      (method) =>
        [
          `with Content-Length: 0 for an empty ${method} (RFC 9110 section 8.6)`,
          { method },
          `${method} / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n`
        ] as const
    ),
    [
      "with its body of known bytes",
      { method: "POST", body: bytesBody("a\x00\xff") },
      "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\na\x00\xff"
    ],
    ["with a body of no bytes", { body: bytesBody("") }, "GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n"],
    [
      "with the length of a stream",
      { method: "PUT", body: { _tag: "sized", byteCount: 12 } },
      "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 12\r\n\r\n"
    ],
    [
      "chunked where the length is unknown",
      { method: "PUT", body: chunked },
      "PUT / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
    ],
    [
      "with close where the caller wants no reuse",
      { isKeepAlive: false },
      "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
    ],
    [
      "as an upgrade",
      { isUpgrade: true, headers: ["Host", "a.test", "Upgrade", "websocket"] },
      "GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
    ],
    [
      "with TE, which is an option of the connection (RFC 9110 section 10.1.4)",
      { isKeepAlive: false, headers: ["Host", "a.test", "TE", "trailers"] },
      "GET / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n"
    ],
    ["with `*` for OPTIONS", { method: "OPTIONS", target: "*" }, "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n"],
    ["to a proxy", { target: "http://b.test/c?d" }, "GET http://b.test/c?d HTTP/1.1\r\nHost: a.test\r\n\r\n"],
    ["as CONNECT", { method: "CONNECT", target: "[::1]:443" }, "CONNECT [::1]:443 HTTP/1.1\r\nHost: a.test\r\n\r\n"],
    ["with a method of its own", { method: "M-SEARCH" }, "M-SEARCH / HTTP/1.1\r\nHost: a.test\r\n\r\n"],
    [
      "with an empty Host, for a target without an authority (RFC 9112 section 3.2)",
      { headers: ["Host", ""] },
      "GET / HTTP/1.1\r\nHost: \r\n\r\n"
    ],
    [
      "with characters that browsers send in targets",
      { target: "/a|b{c}?d='\"<>`^\\" },
      "GET /a|b{c}?d='\"<>`^\\ HTTP/1.1\r\nHost: a.test\r\n\r\n"
    ],
    [
      "without Expect where there is no content (RFC 9110 section 10.1.1)",
      { method: "POST", body: bytesBody(""), expectsContinue: true },
      "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n"
    ]
  ]
  for (const [title, fields, text] of samples) {
    it(title, () => {
      expect(written(fields)).toBe(text)
    })
  }

  it("in one call where its body is small, in two where it is large", () => {
    for (const [byteCount, callCount] of [
      [100, 1],
      [20_000, 2]
    ] as const) {
      const { connection, session } = openSession()
      session.start(request({ method: "POST", body: bytesBody("b".repeat(byteCount)) }), new Recorder())
      expect(connection.writes).toHaveLength(callCount)
      expect(connection.written.endsWith(`\r\n\r\n${"b".repeat(byteCount)}`)).toBe(true)
    }
  })
})

describe("A request is refused before a byte is written", () => {
  const controls = ["\r", "\n", "\0", "\r\nX: y", "\x7f", "\x1f"]
  const wide = ["\u0100", "\u{1f600}", "\u010d", "\u560a"]
  for (const text of [...controls, ...wide, " ", "\t"]) {
    it(`if ${JSON.stringify(text)} stands in its method, its target or a header name`, () => {
      expect(refused({ method: `GET${text}` })).toContain("the method has the character")
      expect(refused({ target: `/${text}` })).toContain("the target has the character")
      expect(refused({ headers: ["Host", "a.test", `X${text}`, "y"] })).toContain("a header name has the character")
      expect(refused({ headers: ["Host", `a${text}`] })).toMatch(/ost has the character/)
    })
  }
  for (const text of [...controls, ...wide]) {
    it(`if ${JSON.stringify(text)} stands in a header value`, () => {
      expect(refused({ headers: ["Host", "a.test", "X-A", `b${text}`] })).toBe(
        `the value of X-A has the character 0x${text.charCodeAt(0).toString(16).padStart(2, "0")} at index 1, which must not stand there (RFC 9110 section 5.5)`
      )
    })
  }

  const refusals: ReadonlyArray<readonly [string, Partial<RequestHead>, string]> = [
    ["the method is empty", { method: "" }, "the method is empty"],
    ["the method has a colon", { method: "GET:" }, "0x3a"],
    ["the target is empty", { target: "" }, "the target is a path"],
    ["the target is relative", { target: "a" }, "the target is a path"],
    ["the target has a fragment", { target: "/a#b" }, "0x23"],
    ["the target is `*` for another method", { target: "*" }, "the target is a path"],
    ["the target has userinfo", { target: "http://u:p@b.test/" }, "the target is a path"],
    ["the target has no authority", { target: "http:///a" }, "the target is a path"],
    ["the target of CONNECT is a path", { method: "CONNECT", target: "/" }, "host:port"],
    ["the target of CONNECT has no port", { method: "CONNECT", target: "b.test" }, "host:port"],
    ["the target of CONNECT has userinfo", { method: "CONNECT", target: "u@b.test:1" }, "host:port"],
    ["a header name is empty", { headers: ["Host", "a.test", "", "b"] }, "a header name is empty"],
    ["a header name has a colon", { headers: ["Host", "a.test", "A:", "b"] }, "0x3a"],
    ["a header has no value", { headers: ["Host"] }, "a name that has no value"],
    ["there is no Host", { headers: ["Hos", "a.test"] }, "Host occurs 0 times"],
    ["there are two Hosts", { headers: ["Host", "a.test", "host", "a.test"] }, "Host occurs 2 times"],
    ["Host has userinfo", { headers: ["Host", "u@a.test"] }, "Host has the character 0x40"],
    ["Host has a path", { headers: ["Host", "a.test/b"] }, "Host has the character 0x2f"],
    ["Upgrade stands alone", { headers: ["Host", "a.test", "Upgrade", "echo"] }, "need each other"],
    ["an upgrade does not say to what", { isUpgrade: true }, "need each other"],
    [
      "an upgrade has a streamed body",
      { isUpgrade: true, headers: ["Host", "a", "Upgrade", "echo"], body: chunked },
      "an upgrade request has"
    ],
    ["TE offers a coding", { headers: ["Host", "a.test", "TE", "gzip"] }, "TE may only be"],
    ["CONNECT has a body", { method: "CONNECT", target: "b.test:1", body: bytesBody("a") }, "CONNECT has no body"],
    ["TRACE has a body", { method: "TRACE", body: chunked }, "TRACE has no body"],
    ...[-1, 0.5, Number.NaN, 2 ** 53].map(
      (byteCount) =>
        [
          `the body's size is ${byteCount}`,
          { body: { _tag: "sized", byteCount } },
          `the body's byteCount is ${byteCount}`
        ] as const
    ),
    ...["Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection", "Expect"].flatMap(
      (name) =>
        [name, name.toLowerCase(), name.toUpperCase()].map(
          (spelling) =>
            [
              `${spelling} is among its headers`,
              { headers: ["Host", "a.test", spelling, "x"] },
              `${spelling.startsWith("E") || spelling.startsWith("e") ? "Expect" : spelling} follows from`
            ] as const
        )
    )
  ]
  for (const [title, fields, detail] of refusals) {
    it(`if ${title}`, () => {
      expect(refused(fields)).toContain(detail)
    })
  }

  it("without repeating a value that may be a secret", () => {
    expect(refused({ headers: ["Host", "a.test", "Authorization", "Bearer secret\n"] })).not.toContain("secret")
  })
})

describe("A streamed body", () => {
  const start = (fields: Partial<RequestHead>) => {
    const opened = openSession()
    const recorder = new Recorder()
    opened.session.start(request({ method: "POST", ...fields }), recorder)
    const headByteCount = opened.connection.written.length
    return { ...opened, recorder, body: () => opened.connection.written.slice(headByteCount) }
  }
  const sized = (byteCount: number) => start({ body: { _tag: "sized", byteCount } })

  it("is sent as it is where its length is known", () => {
    const { body, session } = sized(6)
    expect(session.writeBody(bytes("abc"))).toBe(true)
    expect(session.writeBody(bytes(""))).toBe(true)
    expect(session.writeBody(bytes("def"))).toBe(true)
    session.endBody()
    expect(body()).toBe("abcdef")
  })

  it("is sent in chunks where it is not, and an empty piece is no chunk", () => {
    const { body, session } = start({ body: chunked })
    session.writeBody(bytes("abc"))
    session.writeBody(bytes(""))
    session.writeBody(bytes("d".repeat(26)))
    session.writeBody(bytes("e".repeat(20_000)))
    session.endBody()
    expect(body()).toBe(`3\r\nabc\r\n1a\r\n${"d".repeat(26)}\r\n4e20\r\n${"e".repeat(20_000)}\r\n0\r\n\r\n`)
  })

  it("takes trailers behind its chunks", () => {
    const { body, session } = start({ body: chunked })
    session.endBody(["Digest", "abc", "X-A", ""])
    expect(body()).toBe("0\r\nDigest: abc\r\nX-A: \r\n\r\n")
  })

  const badTrailers: ReadonlyArray<readonly [RawHeaders, string]> = [
    [["A", "b\r\nC: d"], "the value of A has the character 0x0d"],
    [["A b", "c"], "a header name has the character 0x20"],
    [["A"], "a name that has no value"],
    [["Content-Length", "5"], "Content-Length belongs in the head"],
    [["transfer-encoding", "chunked"], "transfer-encoding belongs in the head"],
    [["HOST", "b.test"], "HOST belongs in the head"],
    [["Authorization", "x"], "Authorization belongs in the head"]
  ]
  for (const [trailers, detail] of badTrailers) {
    it(`is given up, unended, if its trailers are ${JSON.stringify(trailers)}`, () => {
      const { body, connection, recorder, session } = start({ body: chunked })
      session.endBody(trailers)
      expect(body()).toBe("")
      expect(recorder.heard).toEqual([{ failure: "InvalidRequest sent", detail: expect.stringContaining(detail) }])
      expect(connection.isOpen).toBe(false)
    })
  }

  it("of known length takes no trailers", () => {
    const { recorder, session } = sized(1)
    session.writeBody(bytes("a"))
    session.endBody(["A", "b"])
    expect(recorder.last).toMatchObject({ failure: "InvalidRequest sent" })
  })

  it("fails, and sends nothing of the piece, where it exceeds its length", () => {
    const { body, connection, recorder, session } = sized(4)
    session.writeBody(bytes("abc"))
    expect(session.writeBody(bytes("def"))).toBe(false)
    expect(body()).toBe("abc")
    expect(recorder.heard).toEqual([
      { failure: "BodyLengthMismatch sent", detail: "the body is 2 bytes longer than announced" }
    ])
    expect(connection.isOpen).toBe(false)
  })

  it("fails where it ends short of its length", () => {
    const { connection, recorder, session } = sized(4)
    session.writeBody(bytes("abc"))
    session.endBody()
    expect(recorder.heard).toEqual([
      { failure: "BodyLengthMismatch sent", detail: "the body ended 1 bytes short of what was announced" }
    ])
    expect(connection.isOpen).toBe(false)
  })

  it("fails where one was not announced", () => {
    for (const body of [bytesBody("abc"), { _tag: "empty" } as const]) {
      const { recorder, session } = start({ body })
      session.endBody()
      expect(recorder.heard).toEqual([])
      session.writeBody(bytes("d"))
      expect(recorder.last).toMatchObject({ failure: "BodyLengthMismatch sent" })
    }
  })

  it("fails where it goes on after its end", () => {
    const { recorder, session } = start({ body: chunked })
    session.endBody()
    session.writeBody(bytes("d"))
    expect(recorder.last).toMatchObject({ failure: "BodyLengthMismatch sent" })
  })

  it("waits while the connection queues it, and goes on when told", () => {
    const { connection, recorder, session } = sized(9)
    connection.isFlowing = false
    expect(session.writeBody(bytes("abc"))).toBe(false)
    expect(session.writeBody(bytes(""))).toBe(false)
    expect(recorder.heard).toEqual([])
    connection.drain()
    expect(recorder.heard).toEqual(["writable"])
    expect(session.writeBody(bytes("def"))).toBe(true)
  })

  it("is told once when the last of it, which was queued, has left", () => {
    const { connection, recorder, session } = sized(3)
    connection.isFlowing = false
    session.writeBody(bytes("abc"))
    connection.drain()
    expect(recorder.heard).toEqual(["writable"])
    connection.drain()
    expect(recorder.heard).toEqual(["writable"])
  })

  it("may go on after an early answer's head, and is worthless after its end", () => {
    const { connection, recorder, session, body } = sized(9)
    connection.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\n")
    expect(session.writeBody(bytes("abc"))).toBe(true)
    connection.send("no")
    expect(recorder.last).toEqual({ complete: "request-unfinished", trailers: [] })
    expect(session.writeBody(bytes("def"))).toBe(false)
    session.endBody()
    expect(body()).toBe("abc")
    expect(recorder.heard).toHaveLength(3)
  })
})

describe("A field that passed before", () => {
  const passed = { headers: ["Host", "a.test", "X-A", "fine"] }
  const again: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
    ["with another value", ["Host", "a.test", "X-A", "bad\n"]],
    ["under another name", ["Host", "a.test", "X A", "fine"]],
    ["beside one that frames the message", ["Host", "a.test", "X-A", "fine", "Content-Length", "1"]],
    ["in place of the host", ["X-A", "fine", "X-A", "fine"]],
    ["as a second host", ["Host", "a.test", "X-A", "fine", "Host", "a.test"]]
  ]
  for (const [name, headers] of again) {
    it(`does not let one through ${name}`, () => {
      expect(written(passed)).toBe("GET / HTTP/1.1\r\nHost: a.test\r\nX-A: fine\r\n\r\n")
      expect(refused({ headers })).not.toBe("")
    })
  }

  it("is written the same again, and the next value as it is", () => {
    expect(written(passed)).toBe(written(passed))
    expect(written({ headers: ["Host", "b.test", "X-A", "fine"] })).toContain("\r\nHost: b.test\r\nX-A: fine\r\n")
  })

  it("asks for the session's part each time: an upgrade, TE", () => {
    const fields = { isUpgrade: true, headers: ["Host", "a.test", "Upgrade", "x", "TE", "trailers"] }
    const once = written(fields)
    expect(once).toContain("Connection: upgrade, TE\r\n")
    expect(written(fields)).toBe(once)
    expect(refused({ headers: fields.headers })).toContain("Upgrade")
  })
})

describe("A request with headers that were sent before", () => {
  const headers = ["Host", "known.test", "X-Known", "a"]
  const times = [1, 2, 3, 4]

  it("has its own line and framing", () => {
    for (const target of ["/a", "/b", "/a"]) {
      for (const body of [{ _tag: "empty" } as const, bytesBody("hi"), chunked]) {
        const framing = {
          empty: "",
          bytes: "Content-Length: 2\r\n",
          sized: "",
          chunked: "Transfer-Encoding: chunked\r\n"
        }
        const content = body._tag === "bytes" ? "hi" : ""
        for (const _ of times) {
          const text = `GET ${target} HTTP/1.1\r\nHost: known.test\r\nX-Known: a\r\n${framing[body._tag]}\r\n${content}`
          expect(written({ target, headers, body })).toBe(text)
        }
      }
    }
  })

  it("says that it is the last on its connection, if it is", () => {
    for (const _ of times) written({ headers })
    expect(written({ headers, isKeepAlive: false })).toContain("\r\nConnection: close\r\n")
    expect(written({ headers })).not.toContain("Connection")
  })

  it("has what the list of headers holds now", () => {
    const list = ["Host", "known.test", "X-List", "a"]
    for (const _ of times) written({ headers: list })
    list[3] = "b"
    expect(written({ headers: list })).toContain("\r\nX-List: b\r\n")
  })

  it("is refused for its target or its body all the same", () => {
    for (const _ of times) written({ headers })
    expect(refused({ headers, target: "/a b" })).toContain("the target has the character 0x20")
    expect(refused({ headers, method: "TRACE", body: bytesBody("hi") })).toContain("TRACE has no body")
    expect(written({ headers })).toBe("GET / HTTP/1.1\r\nHost: known.test\r\nX-Known: a\r\n\r\n")
  })
})
