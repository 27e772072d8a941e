import { describe, expect, it } from "@effect/vitest"
import { defaultHttp1Limits, type Http1Limits } from "@weir/http1"
import type { AnswerOptions } from "./Recorder.ts"
import { hear, openSession, Recorder, request, splitsOf } from "./Recorder.ts"

interface Refusal {
  readonly title: string
  readonly text: string
  readonly options?: AnswerOptions
  readonly detail: string
  readonly failure?: string
}

const inHead = "MalformedResponse response-started"
const inBody = "MalformedResponse head-received"

const head = (...lines: ReadonlyArray<string>): string => `HTTP/1.1 200 OK\r\n${lines.join("\r\n")}\r\n\r\n`
const chunks = (text: string): string => head("Transfer-Encoding: chunked") + text
const limits = (fields: Partial<Http1Limits>): AnswerOptions => ({ limits: { ...defaultHttp1Limits, ...fields } })

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
    title: "101 that does not say to what",
    text: "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    options: { head: { isUpgrade: true, headers: ["Host", "a.test", "Upgrade", "echo"] } },
    detail: "101 Switching Protocols does not name the protocol in Upgrade (RFC 9110 section 15.2.2)"
  },
  // The chunked coding (RFC 9112 section 7.1).
  ...["+5", "-5", " 5", "\t5", "x", "", ";a", "\n", "g", "\0"].map((size) => ({
    title: `the chunk size ${JSON.stringify(size)}`,
    text: chunks(`${size}\r\nhello\r\n0\r\n\r\n`),
    detail: `octet ${octetAt(`${size}\r`, 0)} in the chunked coding: a chunk begins with its size (RFC 9112 section 7.1)`,
    failure: inBody
  })),
  ...["0x5", "5 ", "5\t", "5 ;a", "5,", "5\n", "5g", "5.0"].map((size) => ({
    title: `the chunk size ${JSON.stringify(size)}`,
    text: chunks(`${size}\r\nhello\r\n0\r\n\r\n`),
    detail: `octet ${octetAt(size, 1)} in the chunked coding: a chunk size is followed by CRLF or an extension, nothing else (RFC 9112 section 7.1)`,
    failure: inBody
  })),
  ...["20000000000000", "fffffffffffffffff", "10000000000000005", "00000000000000005"].map((size) => ({
    title: `the chunk size ${size}`,
    text: chunks(`${size}\r\nhello\r\n0\r\n\r\n`),
    detail: "a chunk size has at most 16 digits and is below 2^53 (RFC 9112 section 7.1)",
    failure: inBody
  })),
  ...[
    "5;",
    "5;;a",
    "5;a=",
    "5;a=;b",
    "5;a b",
    "5; a",
    "5;a =b",
    "5;a=b c",
    '5;a="b"c',
    '5;a="\x01"',
    "5;a\n",
    "5;=b",
    "5;a=b\0"
  ].map((line) => ({
    title: `the chunk line ${JSON.stringify(line)}`,
    text: chunks(`${line}\r\nhello\r\n0\r\n\r\n`),
    detail: expect.stringMatching(
      /^octet 0x.. in the chunked coding: a chunk extension is `;name`, `;name=token` or `;name="text"` \(RFC 9112 section 7\.1\)$/
    ),
    failure: inBody
  })),
  {
    title: "chunk data longer than its size",
    text: chunks("5\r\nhello!\r\n0\r\n\r\n"),
    detail:
      "octet 0x21 in the chunked coding: chunk data of the announced size is followed by CRLF (RFC 9112 section 7.1)",
    failure: inBody
  },
  {
    title: "chunk data with LF alone behind it",
    text: chunks("5\r\nhello\n0\r\n\r\n"),
    detail:
      "octet 0x0a in the chunked coding: chunk data of the announced size is followed by CRLF (RFC 9112 section 7.1)",
    failure: inBody
  },
  {
    title: "chunk data with CR alone behind it",
    text: chunks("5\r\nhello\r0\r\n\r\n"),
    detail: "octet 0x30 in the chunked coding: CR is followed by LF (RFC 9112 section 7.1)",
    failure: inBody
  },
  {
    title: "a chunk size with CR alone behind it",
    text: chunks("5\rhello\r\n0\r\n\r\n"),
    detail: "octet 0x68 in the chunked coding: CR is followed by LF (RFC 9112 section 7.1)",
    failure: inBody
  },
  {
    title: "Content-Length among the trailers",
    text: chunks("0\r\nContent-Length: 5\r\n\r\n"),
    detail: "content-length in the trailer section (RFC 9110 section 6.5.1)",
    failure: inBody
  },
  {
    title: "Transfer-Encoding among the trailers",
    text: chunks("0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    detail: "transfer-encoding in the trailer section (RFC 9110 section 6.5.1)",
    failure: inBody
  },
  {
    title: "a folded trailer",
    text: chunks("0\r\nA: b\r\n c\r\n\r\n"),
    detail:
      "octet 0x20 at offset 6 of the trailer section: a field line does not begin with whitespace, obs-fold is refused (RFC 9112 section 5.2)",
    failure: inBody
  },
  // Limits.
  {
    title: "a head longer than the limit",
    text: head(`A: ${"a".repeat(90)}`),
    options: limits({ headByteCountMax: 100 }),
    detail: "the head is longer than 100 bytes, the limit set by headByteCountMax",
    failure: "LimitExceeded response-started"
  },
  {
    title: "a head that never ends",
    text: `HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(20)}`,
    options: limits({ headByteCountMax: 100 }),
    detail: "the head is longer than 100 bytes, the limit set by headByteCountMax",
    failure: "LimitExceeded response-started"
  },
  {
    title: "more fields than the limit",
    text: head("A: 1", "B: 2", "C: 3"),
    options: limits({ headerCountMax: 2 }),
    detail: "the head has more than 2 fields, the limit set by headerCountMax",
    failure: "LimitExceeded response-started"
  },
  {
    title: "more 1xx answers than the limit",
    text: "HTTP/1.1 102 Processing\r\n\r\n".repeat(3),
    options: limits({ informationalCountMax: 2 }),
    detail: "more than 2 1xx answers came before the final one, the limit set by informationalCountMax",
    failure: "LimitExceeded response-started"
  },
  {
    title: "trailers longer than the limit",
    text: chunks(`0\r\nA: ${"a".repeat(60)}\r\n\r\n`),
    options: limits({ trailerByteCountMax: 50 }),
    detail: "the trailer section is longer than 50 bytes, the limit set by trailerByteCountMax",
    failure: "LimitExceeded head-received"
  },
  {
    title: "more trailers than the limit",
    text: chunks("0\r\nA: 1\r\nB: 2\r\n\r\n"),
    options: limits({ trailerCountMax: 1 }),
    detail: "the trailer section has more than 1 fields, the limit set by trailerCountMax",
    failure: "LimitExceeded head-received"
  },
  {
    title: "longer chunk extensions than the limit, over all chunks",
    text: chunks("1;abc\r\nx\r\n1;abcd\r\nx\r\n0\r\n\r\n"),
    options: limits({ chunkExtensionByteCountMax: 8 }),
    detail: "the chunk extensions are longer than 8 bytes, the limit set by chunkExtensionByteCountMax",
    failure: "LimitExceeded head-received"
  }
]

function octetAt(text: string, index: number): string {
  return `0x${text.charCodeAt(index).toString(16).padStart(2, "0")}`
}

describe("The session refuses, however it is split,", () => {
  for (const { detail, failure = inHead, options, text, title } of refusals) {
    it(title, () => {
      const refused = { failure, detail }
      expect(hear([text], options).at(-1)).toEqual(refused)
      for (const pieces of splitsOf(text)) {
        const heard = hear(pieces, options)
        expect(heard.at(-1)).toEqual(refused)
        expect(
          heard.filter((event) => event !== "writable" && ("failure" in event || "complete" in event))
        ).toHaveLength(1)
      }
    })
  }
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
