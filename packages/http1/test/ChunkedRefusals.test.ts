import { describe, expect } from "@effect/vitest"
import type { Refusal } from "./refuse.ts"
import { head, itRefuses, octetAt } from "./refuse.ts"

const failure = "MalformedResponse head-received"
const chunks = (text: string): string => head("Transfer-Encoding: chunked") + text

const refusals: ReadonlyArray<Refusal> = [
  ...["+5", "-5", " 5", "\t5", "x", "", ";a", "\n", "g", "\0"].map((size) => ({
    title: `the chunk size ${JSON.stringify(size)}`,
    text: chunks(`${size}\r\nhello\r\n0\r\n\r\n`),
    detail: `octet ${octetAt(`${size}\r`, 0)} in the chunked coding: a chunk begins with its size (RFC 9112 section 7.1)`,
    failure
  })),
  ...["0x5", "5 ", "5\t", "5 ;a", "5,", "5\n", "5g", "5.0"].map((size) => ({
    title: `the chunk size ${JSON.stringify(size)}`,
    text: chunks(`${size}\r\nhello\r\n0\r\n\r\n`),
    detail: `octet ${octetAt(size, 1)} in the chunked coding: a chunk size is followed by CRLF or an extension, nothing else (RFC 9112 section 7.1)`,
    failure
  })),
  ...["20000000000000", "fffffffffffffffff", "10000000000000005", "00000000000000005"].map((size) => ({
    title: `the chunk size ${size}`,
    text: chunks(`${size}\r\nhello\r\n0\r\n\r\n`),
    detail: "a chunk size has at most 16 digits and is below 2^53 (RFC 9112 section 7.1)",
    failure
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
    failure
  })),
  {
    title: "chunk data longer than its size",
    text: chunks("5\r\nhello!\r\n0\r\n\r\n"),
    detail:
      "octet 0x21 in the chunked coding: chunk data of the announced size is followed by CRLF (RFC 9112 section 7.1)",
    failure
  },
  {
    title: "chunk data with LF alone behind it",
    text: chunks("5\r\nhello\n0\r\n\r\n"),
    detail:
      "octet 0x0a in the chunked coding: chunk data of the announced size is followed by CRLF (RFC 9112 section 7.1)",
    failure
  },
  {
    title: "chunk data with CR alone behind it",
    text: chunks("5\r\nhello\r0\r\n\r\n"),
    detail: "octet 0x30 in the chunked coding: CR is followed by LF (RFC 9112 section 7.1)",
    failure
  },
  {
    title: "a chunk size with CR alone behind it",
    text: chunks("5\rhello\r\n0\r\n\r\n"),
    detail: "octet 0x68 in the chunked coding: CR is followed by LF (RFC 9112 section 7.1)",
    failure
  },
  {
    title: "Content-Length among the trailers",
    text: chunks("0\r\nContent-Length: 5\r\n\r\n"),
    detail: "content-length in the trailer section (RFC 9110 section 6.5.1)",
    failure
  },
  {
    title: "Transfer-Encoding among the trailers",
    text: chunks("0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    detail: "transfer-encoding in the trailer section (RFC 9110 section 6.5.1)",
    failure
  },
  {
    title: "a folded trailer",
    text: chunks("0\r\nA: b\r\n c\r\n\r\n"),
    detail:
      "octet 0x20 at offset 6 of the trailer section: a field line does not begin with whitespace, obs-fold is refused (RFC 9112 section 5.2)",
    failure
  }
]

describe("A chunked body (RFC 9112 section 7.1) is refused, however it is split, for", () => {
  for (const refusal of refusals) itRefuses(refusal)
})
