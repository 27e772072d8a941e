import { describe, expect, it } from "@effect/vitest"
import { hear, openSession, Recorder, request } from "./Recorder.ts"
import type { Refusal } from "./refuse.ts"
import { head, itRefuses, octetAt } from "./refuse.ts"

const repeatedLength = "Content-Length occurs more than once (RFC 9112 section 6.3)"
const badLength = "Content-Length is not one decimal number below 2^53 (RFC 9110 section 8.6)"
const notChunked = "Transfer-Encoding is not exactly `chunked`, the only coding asked for (RFC 9112 section 7)"
const bothFramings = "Transfer-Encoding and Content-Length occur together (RFC 9112 section 6.3)"

const refusals: ReadonlyArray<Refusal> = [
  // Which length counts (RFC 9112 sections 6.3 and 11.2).
  {
    title: "Content-Length with Transfer-Encoding",
    text: head("Content-Length: 5", "Transfer-Encoding: chunked"),
    detail: bothFramings
  },
  {
    title: "Transfer-Encoding with Content-Length",
    text: head("Transfer-Encoding: chunked", "Content-Length: 5"),
    detail: bothFramings
  },
  {
    title: "Content-Length with Transfer-Encoding where there is no body",
    text: head("Content-Length: 5", "Transfer-Encoding: chunked"),
    options: { head: { method: "HEAD" } },
    detail: bothFramings
  },
  {
    title: "two Content-Lengths that differ",
    text: head("Content-Length: 5", "Content-Length: 6"),
    detail: repeatedLength
  },
  {
    title: "two Content-Lengths that agree",
    text: head("Content-Length: 5", "content-length: 5"),
    detail: repeatedLength
  },
  ...[
    "5, 5",
    "5,6",
    "+5",
    "-5",
    "0x5",
    "5 5",
    "5;a",
    "",
    "5.0",
    "1e3",
    "\xb5",
    "9007199254740992",
    "99999999999999999999"
  ].map((value) => ({
    title: `Content-Length: ${JSON.stringify(value)}`,
    text: head(`Content-Length: ${value}`),
    detail: badLength
  })),
  {
    title: "a Content-Length that is no number in a 1xx head",
    text: "HTTP/1.1 103 Early Hints\r\nContent-Length: a\r\n\r\n",
    detail: badLength
  },
  // Transfer-Encoding other than exactly one final `chunked` (RFC 9112 sections 6.1 and 7).
  ...[
    "gzip",
    "gzip, chunked",
    "chunked, gzip",
    "chunked, chunked",
    "chunked,",
    ",chunked",
    "xchunked",
    "chunkedx",
    "chunke",
    '"chunked"',
    "chunked;q=1",
    "identity",
    "",
    "ch\tunked"
  ].map((value) => ({
    title: `Transfer-Encoding: ${JSON.stringify(value)}`,
    text: head(`Transfer-Encoding: ${value}`),
    detail: notChunked
  })),
  {
    title: "Transfer-Encoding twice",
    text: head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    detail: "Transfer-Encoding occurs more than once (RFC 9112 section 6.1)"
  },
  {
    title: "Transfer-Encoding twice, the second one hidden",
    text: head("Transfer-Encoding: chunked", "Transfer-encoding: cow"),
    detail: "Transfer-Encoding occurs more than once (RFC 9112 section 6.1)"
  },
  {
    title: "Transfer-Encoding in HTTP/1.0",
    text: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    detail: "an HTTP/1.0 answer has Transfer-Encoding (RFC 9112 section 6.1)"
  },
  // Lines (RFC 9112 sections 2.2, 5.1 and 5.2).
  {
    title: "whitespace before the colon",
    text: head("Content-Length : 5"),
    detail:
      "octet 0x20 at offset 31 of the head: a field name is a token with the colon right behind it (RFC 9112 section 5.1)"
  },
  {
    title: "a tab before the colon",
    text: head("Transfer-Encoding\t: chunked"),
    detail:
      "octet 0x09 at offset 34 of the head: a field name is a token with the colon right behind it (RFC 9112 section 5.1)"
  },
  {
    title: "a folded line",
    text: head("A: b", " c"),
    detail:
      "octet 0x20 at offset 23 of the head: a field line does not begin with whitespace, obs-fold is refused (RFC 9112 section 5.2)"
  },
  {
    title: "a first line that begins with a tab",
    text: head("\tTransfer-Encoding: chunked"),
    detail:
      "octet 0x09 at offset 17 of the head: a field line does not begin with whitespace, obs-fold is refused (RFC 9112 section 5.2)"
  },
  {
    title: "an empty name",
    text: head(": a"),
    detail: "octet 0x3a at offset 17 of the head: a field line begins with a name (RFC 9112 section 5)"
  },
  {
    title: "a line without a colon",
    text: head("abc"),
    detail:
      "octet 0x0d at offset 20 of the head: a field name is a token with the colon right behind it (RFC 9112 section 5.1)"
  },
  {
    title: "a name beyond ASCII",
    text: head("\xc4: a"),
    detail: "octet 0xc4 at offset 17 of the head: a field line begins with a name (RFC 9112 section 5)"
  },
  {
    title: "a name with a NUL",
    text: head("Content-Length\0: 5"),
    detail:
      "octet 0x00 at offset 31 of the head: a field name is a token with the colon right behind it (RFC 9112 section 5.1)"
  },
  {
    title: "LF without CR behind a field",
    text: "HTTP/1.1 200 OK\r\nA: b\nB: c\r\n\r\n",
    detail:
      "octet 0x0a at offset 21 of the head: text has no control characters and ends with CRLF (RFC 9110 section 5.5, RFC 9112 section 2.2)"
  },
  {
    title: "LF without CR behind the status line",
    text: "HTTP/1.1 200 OK\nA: b\r\n\r\n",
    detail:
      "octet 0x0a at offset 15 of the head: text has no control characters and ends with CRLF (RFC 9110 section 5.5, RFC 9112 section 2.2)"
  },
  {
    title: "LF without CR at the end of the head",
    text: "HTTP/1.1 200 OK\r\nA: b\r\n\n",
    detail: "octet 0x0a at offset 23 of the head: a field line begins with a name (RFC 9112 section 5)"
  },
  {
    title: "CR without LF behind a field",
    text: "HTTP/1.1 200 OK\r\nA: b\rB: c\r\n\r\n",
    detail: "octet 0x42 at offset 22 of the head: CR is followed by LF (RFC 9112 section 2.2)"
  },
  {
    title: "CR without LF behind the status line",
    text: "HTTP/1.1 200 OK\rA: b\r\n\r\n",
    detail: "octet 0x41 at offset 16 of the head: CR is followed by LF (RFC 9112 section 2.2)"
  },
  {
    title: "CR without LF at the end of the head",
    text: "HTTP/1.1 200 OK\r\nA: b\r\n\rC",
    detail: "octet 0x43 at offset 24 of the head: CR is followed by LF (RFC 9112 section 2.2)"
  },
  ...[0x00, 0x01, 0x08, 0x0b, 0x0c, 0x1b, 0x1f, 0x7f].map((octet) => ({
    title: `the control character 0x${octet.toString(16).padStart(2, "0")} in a value`,
    text: head(`A: b${String.fromCharCode(octet)}c`),
    detail: `octet 0x${octet.toString(16).padStart(2, "0")} at offset 21 of the head: text has no control characters and ends with CRLF (RFC 9110 section 5.5, RFC 9112 section 2.2)`
  })),
  // Status lines (RFC 9112 section 4).
  ...[
    ["HTTP/1.2 200 OK", 7],
    ["HTTP/2.0 200 OK", 5],
    ["HTTP/0.9 200 OK", 5],
    ["http/1.1 200 OK", 0],
    ["ICY 200 OK", 0],
    ["\r\nHTTP/1.1 200 OK", 0],
    [" HTTP/1.1 200 OK", 0],
    ["HTTP/1.1  200 OK", 9],
    ["HTTP/1.1\t200 OK", 8],
    ["HTTP/1.1 099 OK", 9],
    ["HTTP/1.1 20 OK", 11],
    ["HTTP/1.1 2x0 OK", 10],
    ["\x16\x03\x01\x00\x02", 0]
  ].map(([line, offset]) => ({
    title: `the status line ${JSON.stringify(line)}`,
    text: `${line}\r\nContent-Length: 0\r\n\r\n`,
    detail: `octet ${octetAt(String(line), Number(offset))} at offset ${offset} of the head: a status line begins with HTTP/1.0 or HTTP/1.1, a space and a number from 100 (RFC 9112 section 4)`
  })),
  {
    title: "a status of four digits",
    text: "HTTP/1.1 2000 OK\r\n\r\n",
    detail: "octet 0x30 at offset 12 of the head: a status code is followed by a space (RFC 9112 section 4)"
  },
  // Upgrades nobody asked for (RFC 9110 sections 7.8 and 15.2.2).
  {
    title: "101 without a request to upgrade",
    text: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n",
    detail: "101 Switching Protocols answers a request without Upgrade (RFC 9110 section 7.8)"
  },
  {
    title: "101 that does not say to what, after a 1xx head that did",
    text: "HTTP/1.1 103 Early Hints\r\nUpgrade: echo\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n",
    options: { head: { isUpgrade: true, headers: ["Host", "a.test", "Upgrade", "echo"] } },
    detail: "101 Switching Protocols does not name the protocol in Upgrade (RFC 9110 section 15.2.2)"
  },
  {
    title: "101 that does not say to what",
    text: "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    options: { head: { isUpgrade: true, headers: ["Host", "a.test", "Upgrade", "echo"] } },
    detail: "101 Switching Protocols does not name the protocol in Upgrade (RFC 9110 section 15.2.2)"
  }
]

describe("A head is refused, however it is split, for", () => {
  for (const refusal of refusals) itRefuses(refusal)
})

describe("A refused answer", () => {
  it("closes the connection, and the session refuses further requests as unsent", () => {
    const { connection, owner, session } = openSession()
    session.start(request(), new Recorder())
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")
    expect(connection.isOpen).toBe(false)
    const next = new Recorder()
    session.start(request(), next)
    expect(next.heard).toEqual([
      { failure: "ConnectionClosed unsent", detail: "the connection had ended before the request was written" }
    ])
    connection.settle()
    expect(owner.heard).toEqual(["closed"])
  })

  it("is told once, even if more arrives in the same read", () => {
    const heard = hear(["HTTP/1.1 200 OK\r\nA : b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])
    expect(heard).toHaveLength(1)
  })

  it("leaves the body that came before the fault delivered", () => {
    const heard = hear(["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n"])
    expect(heard.slice(1, 2)).toEqual([{ body: "hi" }])
    expect(heard).toHaveLength(3)
  })
})
